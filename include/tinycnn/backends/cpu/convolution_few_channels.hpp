// Direct 3x3 convolution of images with few channels, the first of most networks: two rows of results at a time stay in
// registers, from which an epilogue takes 2x2 windows, so that no result is written but what it leaves of them.
#pragma once

#include <tinycnn/backends/cpu/convolution_epilogues.hpp>

namespace tinycnn::cpu {

/// The sums of two rows of pixels, window beside window, NR outputs each: pixel (i, j) at [i columns + j].
template <class Isa>
struct TwoRows {
  static constexpr int windows = MR<Isa> / 4, columns = 2 * windows;
  Vector<Isa> left[2 * columns];
  Vector<Isa> right[2 * columns];

  /// Pixel (i, j) = start + sum over r, s, c of x[i + r, j + s, c] * weights[r,s,c], x counted from `corner`.
  [[gnu::always_inline]] TwoRows(const FewChannels& x, const float* corner, const float* weights,
                                 const Pixel<Isa>& start) {
#pragma GCC unroll 8
    for (int i = 0; i < 2 * columns; ++i) {
      left[i] = start.a;
      right[i] = start.b;
    }
    const float *upper = corner, *lower = corner + x.row;  // (S,C)
    long pixel = x.channels, three = 3 * pixel;
    const auto opaque = [&]() __attribute__((always_inline)) {
      asm("" : "+r"(upper), "+r"(lower), "+r"(pixel), "+r"(three));  // g++ would keep eight pointers, or what it loaded
    };
    int r = 3;
    do {
      long c = pixel;
      do {
        opaque();
        step(upper, lower, pixel, three, weights);
        opaque();
        step(upper + 1, lower + 1, pixel, three, weights + NR<Isa>);
        opaque();
        step(upper + 2, lower + 2, pixel, three, weights + 2 * NR<Isa>);
        upper += 3, lower += 3;
        weights += 3 * NR<Isa>;
      } while (--c > 0);
      upper += x.row - three, lower += x.row - three;
    } while (--r > 0);
  }

 private:
  /// One step of the depth: x[i, j] * weights[c].
  [[gnu::always_inline]] void step(const float* upper, const float* lower, long pixel, long three,
                                   const float* weights) {
    const Vector<Isa> a = load<Isa>(weights), b = load<Isa>(weights + Isa::width);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * columns; ++i) {
      const int j = i % columns;
      const Vector<Isa> value = broadcast<Isa>((i < columns ? upper : lower)[j == 3 ? three : j * pixel]);
      left[i] = fma<Isa>(value, a, left[i]);
      right[i] = fma<Isa>(value, b, right[i]);
    }
  }
};

}  // namespace tinycnn::cpu
