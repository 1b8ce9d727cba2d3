// Resizes with an antialiased triangle filter; the result equals Pillow's Image.resize(size, Image.BILINEAR) bitwise.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <tinycnn/core/error.hpp>
#include <tinycnn/vision/image.hpp>

namespace tinycnn {

namespace detail {

/// The filter weights of one axis: output o is the sum over t < count[o] of weight[o * taps + t] * input[first[o] + t].
struct ResizeAxis {
  static constexpr int bits = 32 - 8 - 2;  // fraction bits: 8 more are for the pixel, 2 keep sums from overflowing
  static constexpr int half = 1 << (bits - 1);

  int taps = 0;
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int> weight;  // (out, taps), fixed point

  /// Output o covers scale = in / out inputs around (o + 1/2) scale. When shrinking, the triangle is widened by the
  /// scale, which averages out detail that is too fine for the output; when enlarging, its width is one pixel, as in
  /// bilinear interpolation.
  ResizeAxis(int in, int out) : first(std::size_t(out)), count(std::size_t(out)) {
    const double scale = double(in) / out;
    const double support = scale > 1 ? scale : 1;
    taps = int(std::ceil(support)) * 2 + 1;
    weight.resize(std::size_t(out) * std::size_t(taps));
    std::vector<double> triangle(static_cast<std::size_t>(taps));
    for (std::size_t o = 0; o < std::size_t(out); ++o) {
      const volatile double rounded = (double(o) + 0.5) * scale;  // volatile prevents g++ -mfma from using an FMA
      const double centre = rounded;
      const int low = int(centre - support + 0.5), high = int(centre + support + 0.5);
      first[o] = low > 0 ? low : 0;
      count[o] = (high < in ? high : in) - first[o];
      double sum = 0;
      for (int t = 0; t < count[o]; ++t) {
        const double distance = std::fabs((first[o] + t - centre + 0.5) * (1 / support));
        sum += triangle[std::size_t(t)] = distance < 1 ? 1 - distance : 0;
      }
      for (int t = 0; t < count[o]; ++t)
        weight[o * std::size_t(taps) + std::size_t(t)] = int(0.5 + triangle[std::size_t(t)] / sum * (1 << bits));
    }
  }

  static std::uint8_t pixel(int sum) {
    sum >>= bits;
    return std::uint8_t(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
};

inline Picture resize_width(const Picture& x, int w) {
  const ResizeAxis axis(x.w, w);
  Picture y{w, x.h, std::vector<std::uint8_t>(std::size_t(w) * std::size_t(x.h) * 3)};
  std::uint8_t* out = y.rgb.data();
  for (int h = 0; h < x.h; ++h) {
    const std::uint8_t* row = x.rgb.data() + std::size_t(h) * std::size_t(x.w) * 3;  // (W,3)
    const int* weight = axis.weight.data();
    for (std::size_t o = 0; o < std::size_t(w); ++o, out += 3, weight += axis.taps) {
      const std::uint8_t* in = row + 3 * axis.first[o];
      int r = ResizeAxis::half, g = ResizeAxis::half, b = ResizeAxis::half;
      for (int t = 0; t < axis.count[o]; ++t, in += 3) {
        r += in[0] * weight[t];
        g += in[1] * weight[t];
        b += in[2] * weight[t];
      }
      out[0] = ResizeAxis::pixel(r);
      out[1] = ResizeAxis::pixel(g);
      out[2] = ResizeAxis::pixel(b);
    }
  }
  return y;
}

inline Picture resize_height(const Picture& x, int h) {
  const ResizeAxis axis(x.h, h);
  const std::size_t bytes = std::size_t(x.w) * 3;
  Picture y{x.w, h, std::vector<std::uint8_t>(bytes * std::size_t(h))};
  std::vector<int> sums(bytes);
  for (std::size_t p = 0; p < std::size_t(h); ++p) {
    for (int& sum : sums) sum = ResizeAxis::half;
    for (int t = 0; t < axis.count[p]; ++t) {
      const std::uint8_t* in = x.rgb.data() + std::size_t(axis.first[p] + t) * bytes;  // (W,3)
      const int weight = axis.weight[p * std::size_t(axis.taps) + std::size_t(t)];
      for (std::size_t i = 0; i < bytes; ++i) sums[i] += in[i] * weight;
    }
    std::uint8_t* out = y.rgb.data() + p * bytes;
    for (std::size_t i = 0; i < bytes; ++i) out[i] = ResizeAxis::pixel(sums[i]);
  }
  return y;
}

}  // namespace detail

/// The picture resized to w x h pixels without keeping the aspect ratio: torchvision's Resize((h, w)) of a PIL image.
/// Like Pillow, it rounds to 8 bits after each axis and skips an axis whose length does not change. The width is
/// resized first, unless the height loses more than twice as many pixels as the width; this is the order of Pillow 13.
/// Earlier versions always resize the width first; where the order differs, a few values differ by 1. Throws an Error
/// if a size is not positive.
inline Picture resize_bilinear(const Picture& x, int w, int h) {
  if (x.w < 1 || x.h < 1 || w < 1 || h < 1) throw Error("a picture cannot be resized from or to no pixels");
  if (w == x.w && h == x.h) return x;
  if (w == x.w) return detail::resize_height(x, h);
  if (h == x.h) return detail::resize_width(x, w);
  const bool height_first = x.h > h && std::int64_t(x.h) - h > 2 * (std::int64_t(x.w) - w);
  return height_first ? detail::resize_width(detail::resize_height(x, h), w)
                      : detail::resize_height(detail::resize_width(x, w), h);
}

}  // namespace tinycnn
