// The Gram matrix of all 3x3 patches of a batch of images with few channels: the sums of every element of a patch and
// of every product of two elements. It replaces passes over the first convolution's output (docs/gram.md).
#pragma once

#include <tinycnn/backends/cpu/conv/shape.hpp>
#include <tinycnn/backends/cpu/simd/vector.hpp>

#include <cstdint>
#include <cstring>

namespace tinycnn::cpu {

/// Per channel, the mean of the batch's first sample. It is subtracted from every pixel, padding included, since sums
/// of products of values far from 0 would lose their differences to rounding.
struct Pivots {
  static constexpr int max_channels = 4;
  float mean[max_channels] = {};

  Pivots() = default;
  /// x (N,H,W,C).
  Pivots(const Dims& image, int n, const float* x) {
    for (int c = 0; n > 0 && c < image.c; ++c) {
      double sum = 0;
      for (std::int64_t i = 0; i < image.pixels(); ++i) sum += double(x[i * image.c + c]);
      mean[c] = float(sum / double(image.pixels()));
    }
  }
};

/// One sample as padded planes: row h, column w of channel c is at data + (c rows + h) pitch + w, where h and w include
/// the padding. Behind each row there is room for a register that starts at any patch's last column; a row of ones
/// follows the last plane.
struct PaddedPlanes {
  int rows = 0, pitch = 0, channels = 0;

  constexpr explicit PaddedPlanes(const ConvolutionShape& s)
      : rows(s.x.h + 2 * s.window.rows.padding), pitch(round_up(s.y.w, 16) + 16), channels(s.x.c) {}
  [[nodiscard]] constexpr std::int64_t plane() const { return std::int64_t(rows) * pitch; }
  [[nodiscard]] constexpr std::int64_t floats() const { return channels * plane() + pitch; }

  /// planes (C,rows,pitch) = x (H,W,C) padded with zeros, minus the pivots.
  [[gnu::noinline]] void load(const ConvolutionShape& s, const float* x, const Pivots& pivots, float* planes) const {
    for (int c = 0; c < channels; ++c)
      for (std::int64_t i = 0; i < plane(); ++i) planes[c * plane() + i] = -pivots.mean[c];
    for (std::int64_t i = 0; i < pitch; ++i) planes[channels * plane() + i] = 1;
    const int padding = s.window.rows.padding;
    for (int h = 0; h < s.x.h; ++h)
      for (int c = 0; c < channels; ++c) {
        const float* from = x + std::int64_t(h) * s.x.w * channels + c;                    // (W,C)
        float* to = planes + c * plane() + (h + padding) * std::int64_t(pitch) + padding;  // (W)
        for (int w = 0; w < s.x.w; ++w) to[w] = from[std::int64_t(w) * channels] - pivots.mean[c];
      }
  }
};

/// The sizes of a Gram matrix of patches of 3x3 pixels, at stride 1. A patch's elements are in the order (r, s, c),
/// like the rows of w.
struct PatchGram {
  static constexpr int max_channels = Pivots::max_channels;

  static constexpr bool fits(const ConvolutionShape& s) {
    const Window& k = s.window;
    return k.is_square() && k.symmetric() && k.is_dense() && k.rows.kernel == 3 && k.rows.padding <= 2 &&
           s.groups == 1 && s.x.c <= max_channels && s.y.h >= 2;
  }
  static constexpr int elements(const ConvolutionShape& s) { return s.taps() * s.x.c; }
  /// In doubles: row e holds the sums of its products with every element, then the sum of e itself.
  static constexpr std::int64_t size(const ConvolutionShape& s) {
    return std::int64_t(elements(s)) * (elements(s) + 1);
  }
};

/// to[3 s + t] += sum over `rows` rows and q < columns of left[q + s] right[q + t].
template <class Isa>
[[gnu::noinline]] void multiply_rows(const float* left, const float* right, std::int64_t left_pitch,
                                     std::int64_t right_pitch, int rows, int columns, double* to) {
  float lanes[Isa::width];
  for (int i = 0; i < Isa::width; ++i) lanes[i] = float(i);
  const IntVector<Isa> live = load<Isa>(lanes) < float(columns % Isa::width);
  Vector<Isa> sums[3][3] = {};
  for (int row = 0; row < rows; ++row, left += left_pitch, right += right_pitch)
    for (int q = 0; q < columns; q += Isa::width) {
      Vector<Isa> l[3], r[3];
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) {
        l[s] = load<Isa>(left + q + s);
        r[s] = load<Isa>(right + q + s);
        if (q + Isa::width > columns) l[s] = live ? l[s] : Vector<Isa>{};
      }
#pragma GCC unroll 9
      for (int k = 0; k < 9; ++k) sums[k / 3][k % 3] = fma<Isa>(l[k / 3], r[k % 3], sums[k / 3][k % 3]);
    }
  for (int k = 0; k < 9; ++k)
    for (int i = 0; i < Isa::width; ++i) to[k] += double(sums[k / 3][k % 3][i]);
}

/// gram (K,K+1) of one sample's patches, from its planes minus the pivots. The sum of two elements' product depends
/// only on their distance, except for the rows at the border, which only some elements of a patch reach. So sums are
/// computed for five ranges of image rows, and an element in row r of the patch adds up ranges r, r + 1 and r + 2. Sums
/// are f32 over a chunk of a few rows, which stays in the first-level cache for all products, and double beyond that.
template <class Isa>
[[gnu::noinline]] void patch_gram_of_sample(const ConvolutionShape& s, const float* planes, double* gram) {
  constexpr int max_channels = PatchGram::max_channels, chunk_rows = 16;
  const PaddedPlanes layout(s);
  const int channels = s.x.c, size = PatchGram::elements(s), step = size + 1;
  // (range, row distance, c, other c, s, other s); the last c is the row of ones
  double sums[5][3][max_channels][max_channels + 1][9] = {};
  for (int row = 0, rows = 0; row < s.y.h + 2; row += rows) {
    const bool inner = row >= 2 && row < s.y.h;
    const int range = row < 2 ? row : inner ? 2 : row - s.y.h + 3;
    rows = !inner ? 1 : s.y.h - row < chunk_rows ? s.y.h - row : chunk_rows;
    for (int distance = 0; distance < 3; ++distance)
      for (int c = 0; c < channels; ++c)
        for (int other = distance == 0 ? c : 0; other < channels + (distance == 0); ++other) {
          if (row + rows - 1 + distance >= layout.rows) continue;  // no patch has both rows
          const float* left = planes + c * layout.plane() + std::int64_t(row) * layout.pitch;
          const std::int64_t right_pitch = other == channels ? 0 : layout.pitch;
          const float* right = planes + other * layout.plane() + (row + distance) * right_pitch;
          multiply_rows<Isa>(left, right, layout.pitch, right_pitch, rows, s.y.w, sums[range][distance][c][other]);
        }
  }
  const auto over_ranges = [&](int r, int distance, int c, int other, int pair) {
    double sum = 0;
    for (int range = r; range < r + 3; ++range) sum += sums[range][distance][c][other][pair];
    return sum;
  };
  for (int a = 0; a < size; ++a) {
    const int r = a / channels / 3, column = a / channels % 3, c = a % channels;
    for (int b = a; b < size; ++b) {
      const int distance = b / channels / 3 - r, other_column = b / channels % 3, other = b % channels;
      const bool turned = distance == 0 && other < c;
      gram[a * step + b] = gram[b * step + a] = turned ? over_ranges(r, distance, other, c, other_column * 3 + column)
                                                       : over_ranges(r, distance, c, other, column * 3 + other_column);
    }
    gram[a * step + size] = over_ranges(r, 0, c, channels, column * 3);
  }
}

/// gram (K,K+1) = the sum of the samples' grams (N,K,K+1), in order.
inline void add_grams(const ConvolutionShape& s, int n, const double* grams, double* gram) {
  const std::int64_t size = PatchGram::size(s);
  for (std::int64_t i = 0; i < size; ++i) gram[i] = 0;
  for (int sample = 0; sample < n; ++sample, grams += size)
    for (std::int64_t i = 0; i < size; ++i) gram[i] += grams[i];
}

}  // namespace tinycnn::cpu
