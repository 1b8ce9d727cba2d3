// Loads an input tile, a rectangle of an image, into scratch: applies a deferred affine and zero-pads the border.
#pragma once

#include <tinycnn/backends/cpu/conv/shape.hpp>
#include <tinycnn/backends/cpu/gemm/prefetcher.hpp>
#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/backends/deferred_affine.hpp>

#include <cstdint>
#include <cstring>

namespace tinycnn::cpu {

/// The source of an input tile: a stored tensor x (N,H,W,C) and its deferred affine.
template <class Isa>
struct TensorSource {
  const float* x = nullptr;
  Dims dims;
  DeferredAffine<float> deferred{};
  int step = 1;  // only every step-th row and column_step-th column is visible; indices below count the visible ones
  int column_step = 1;

  /// The source of those rows and columns of this one that a convolution whose skipped pixels were removed
  /// (`without_skipped_pixels`) reads.
  [[nodiscard]] TensorSource visible(const ConvolutionShape& s, const ConvolutionShape& dense) const {
    return {x, dims, deferred, step * (s.window.rows.stride / dense.window.rows.stride),
            column_step * (s.window.columns.stride / dense.window.columns.stride)};
  }

  /// Prefetches image rows [begin, end) in `steps` steps; row h of sample n has index n H + h.
  [[nodiscard]] Prefetcher prefetch(std::int64_t begin, std::int64_t end, std::int64_t steps) const {
    const std::int64_t row = std::int64_t(dims.w) * dims.c;
    if (step == 1) return {x + begin * row, (end - begin) * row, steps};
    const int visible_rows = (dims.h + step - 1) / step;
    return {x + (begin / visible_rows * dims.h + begin % visible_rows * step) * row, end - begin, row, step * row,
            steps};
  }
  /// The same for channels [c, c + width) only.
  [[nodiscard]] Prefetcher prefetch(std::int64_t begin, std::int64_t end, std::int64_t steps, int c, int width) const {
    if (width == dims.c || step > 1) return prefetch(begin, end, steps);
    return {x + begin * dims.w * dims.c + c, (end - begin) * dims.w, width, dims.c, steps};
  }

  /// Sample n (H,W,C) if the stored elements can be read directly: nothing is deferred, no row is skipped. Else null.
  [[nodiscard]] const float* pixels(int n) const {
    return deferred.none() && step == 1 && column_step == 1 ? x + n * dims.size() : nullptr;
  }

  /// to[j * pitch + k] = value of sample n, row h, column w + j, channel c + k, for j < count and k < width.
  [[gnu::noinline]] void load(float* to, int pitch, int n, int h, int w, int count, int c, int width) const {
    const float* from = x + ((std::int64_t(n) * dims.h + h * step) * dims.w + w * column_step) * dims.c + c;  // (W,C)
    if (deferred.none() && pitch == dims.c && width == dims.c && column_step == 1) {
      std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(count) * static_cast<std::size_t>(width));
      return;
    }
    // One loop serves values with and without a deferred ReLU: a maximum with 0 or -inf, which keeps NaN and -0.
    const float floor = deferred.activation.relu ? 0.0f : -__builtin_inff();
    const Vector<Isa> floors = broadcast<Isa>(floor);
    if (deferred.scale == nullptr) {
      transform(to, pitch, from, count, width, [=](auto v, int) {
        if constexpr (sizeof v == sizeof(float))
          return v < floor ? floor : v;
        else
          return v < floors ? floors : v;
      });
    } else {
      const float* scale = deferred.scale + c;
      const float* shift = deferred.shift + c;
      transform(to, pitch, from, count, width, [=](auto v, int k) {
        if constexpr (sizeof v == sizeof(float)) {
          const float value = fma<Isa>(v, scale[k], shift[k]);
          return value < floor ? floor : value;
        } else {
          const Vector<Isa> value = fma<Isa>(v, cpu::load<Isa>(scale + k), cpu::load<Isa>(shift + k));
          return value < floors ? floors : value;
        }
      });
    }
    if (deferred.activation.in_rows()) apply_activation(to, pitch, count, width);
  }

 private:
  /// Applies an activation other than ReLU to the pixels just loaded.
  [[gnu::cold]] void apply_activation(float* to, int pitch, int count, int width) const {
    if (pitch == width) return deferred.activation.apply(to, std::int64_t(count) * width);
    for (int j = 0; j < count; ++j, to += pitch) deferred.activation.apply(to, width);
  }

  template <class F>
  [[gnu::always_inline]] void transform(float* to, int pitch, const float* from, int count, int width, F f) const {
    const std::int64_t pixel = std::int64_t(column_step) * dims.c;
    for (int j = 0; j < count; ++j, to += pitch, from += pixel) {
      int k = 0;
      for (; k + Isa::width <= width; k += Isa::width) store<Isa>(to + k, f(cpu::load<Isa>(from + k), k));
      for (; k < width; ++k) {
        asm("" : "+r"(k));  // keeps g++ from vectorizing the remainder
        to[k] = f(from[k], k);
      }
    }
  }
};

/// A rectangle of an image that may extend beyond its border: `rows` x `columns` pixels from (row, column) on.
struct Rectangle {
  int row = 0;
  int column = 0;
  int rows = 0;
  int columns = 0;
};

/// tile (rows, columns, pitch) = channels [c, c + width) of sample n, zero outside the image.
template <class Isa, class Source>
[[gnu::noinline]] void load_tile(float* tile, int pitch, const Rectangle& r, const Dims& image, const Source& source,
                                 int n, int c, int width) {
  const auto zero = [pitch](float* to, int pixels) {
    std::memset(to, 0, sizeof(float) * static_cast<std::size_t>(pixels) * static_cast<std::size_t>(pitch));
  };
  const int left = r.column < 0 ? (r.columns < -r.column ? r.columns : -r.column) : 0;
  const int end = image.w - r.column < r.columns ? image.w - r.column : r.columns;  // first column beyond the image
  const int inside = end - left > 0 ? end - left : 0;
  for (int i = 0; i < r.rows; ++i) {
    float* to = tile + std::int64_t(i) * r.columns * pitch;
    const int h = r.row + i;
    if (h < 0 || h >= image.h || inside == 0) {
      zero(to, r.columns);
      continue;
    }
    zero(to, left);
    source.load(to + std::int64_t(left) * pitch, pitch, n, h, r.column + left, inside, c, width);
    zero(to + std::int64_t(left + inside) * pitch, r.columns - left - inside);
  }
}

}  // namespace tinycnn::cpu
