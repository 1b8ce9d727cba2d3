// Loads a tile of an image into scratch: the deferred affine is applied, then the padded border set to zero.
#pragma once

#include <tinycnn/backends/cpu/conv/shape.hpp>
#include <tinycnn/backends/cpu/gemm/prefetcher.hpp>
#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/backends/deferred_affine.hpp>

#include <cstring>

namespace tinycnn::cpu {

/// The usual source of a tile: a stored tensor x (N,H,W,C). Any type with this `load` can stand in its place, so that a
/// gradient may be computed while it is loaded instead of being stored first.
template <class Isa>
struct TensorSource {
  const float* x = nullptr;
  Dims dims;
  DeferredAffine<float> deferred{};
  int step = 1;  // of the rows and columns that are seen at all

  /// The source of every k-th row and column.
  [[nodiscard]] TensorSource every(int k) const { return {x, dims, deferred, step * k}; }

  /// Prefetches what loads of image rows [begin, end) will read, in `steps` steps; rows count on from sample to sample.
  [[nodiscard]] Prefetcher prefetch(long begin, long end, long steps) const {
    const long row = long(dims.w) * dims.c;
    if (step == 1) return {x + begin * row, (end - begin) * row, steps};
    const int seen = (dims.h + step - 1) / step;
    return {x + (begin / seen * dims.h + begin % seen * step) * row, end - begin, row, step * row, steps};
  }
  /// The same for channels [c, c + width) only.
  [[nodiscard]] Prefetcher prefetch(long begin, long end, long steps, int c, int width) const {
    if (width == dims.c || step > 1) return prefetch(begin, end, steps);
    return {x + begin * dims.w * dims.c + c, (end - begin) * dims.w, width, dims.c, steps};
  }

  /// Sample n (H,W,C) where what is stored is the value, else null.
  [[nodiscard]] const float* pixels(int n) const {
    return deferred.scale == nullptr && !deferred.relu && step == 1 ? x + n * dims.size() : nullptr;
  }

  /// to[j * pitch + k] = value of sample n, row h, column w + j, channel c + k, for j < count and k < width.
  [[gnu::noinline]] void load(float* to, int pitch, int n, int h, int w, int count, int c, int width) const {
    const float* from = x + ((long(n) * dims.h + h * step) * dims.w + w * step) * dims.c + c;  // (W,C)
    if (deferred.scale == nullptr && !deferred.relu && pitch == dims.c && width == dims.c && step == 1) {
      std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(count) * static_cast<std::size_t>(width));
      return;
    }
    // One loop for values as stored and those with a deferred ReLU alone: all go through the same maximum, which lets
    // NaN and -0 through.
    const float floor = deferred.relu ? 0.0f : -__builtin_inff();
    const Vector<Isa> floors = broadcast<Isa>(floor);
    if (deferred.scale == nullptr) {
      each(to, pitch, from, count, width, [=](auto v, int) {
        if constexpr (sizeof v == sizeof(float))
          return v < floor ? floor : v;
        else
          return v < floors ? floors : v;
      });
    } else {
      const float* scale = deferred.scale + c;
      const float* shift = deferred.shift + c;
      each(to, pitch, from, count, width, [=](auto v, int k) {
        if constexpr (sizeof v == sizeof(float)) {
          const float value = fma<Isa>(v, scale[k], shift[k]);
          return value < floor ? floor : value;
        } else {
          const Vector<Isa> value = fma<Isa>(v, cpu::load<Isa>(scale + k), cpu::load<Isa>(shift + k));
          return value < floors ? floors : value;
        }
      });
    }
  }

 private:
  template <class F>
  [[gnu::always_inline]] void each(float* to, int pitch, const float* from, int count, int width, F f) const {
    const long pixel = long(step) * dims.c;
    for (int j = 0; j < count; ++j, to += pitch, from += pixel) {
      int k = 0;
      for (; k + Isa::width <= width; k += Isa::width) store<Isa>(to + k, f(cpu::load<Isa>(from + k), k));
      for (; k < width; ++k) {
        asm("" : "+r"(k));  // fewer than a register's: g++ would make registers of them
        to[k] = f(from[k], k);
      }
    }
  }
};

/// A rectangle of an image that may reach over its border: `rows` x `columns` pixels from (row, column) on.
struct Rectangle {
  int row = 0;
  int column = 0;
  int rows = 0;
  int columns = 0;
};

/// tile (rows, columns, pitch) = channels [c, c + width) of sample n, zero where the rectangle leaves the image.
template <class Isa, class Source>
[[gnu::noinline]] void load_tile(float* tile, int pitch, const Rectangle& r, const Dims& image, const Source& source,
                                 int n, int c, int width) {
  const auto zero = [pitch](float* to, int pixels) {
    std::memset(to, 0, sizeof(float) * static_cast<std::size_t>(pixels) * static_cast<std::size_t>(pitch));
  };
  const int left = r.column < 0 ? (r.columns < -r.column ? r.columns : -r.column) : 0;
  const int end = image.w - r.column < r.columns ? image.w - r.column : r.columns;  // first column right of the image
  const int inside = end - left > 0 ? end - left : 0;
  for (int i = 0; i < r.rows; ++i) {
    float* to = tile + long(i) * r.columns * pitch;
    const int h = r.row + i;
    if (h < 0 || h >= image.h || inside == 0) {
      zero(to, r.columns);
      continue;
    }
    zero(to, left);
    source.load(to + long(left) * pitch, pitch, n, h, r.column + left, inside, c, width);
    zero(to + long(left + inside) * pitch, r.columns - left - inside);
  }
}

}  // namespace tinycnn::cpu
