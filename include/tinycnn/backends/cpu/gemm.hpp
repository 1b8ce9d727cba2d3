// The one micro-kernel: a register tile of MR x NR sums of products, read through pointers.
#pragma once

#include <tinycnn/backends/cpu/lane.hpp>

namespace tinycnn::cpu {

/// The depth of a product in pieces: piece t takes `length[t]` steps from a + a_offset[t] and b + b_offset[t].
struct Depth {
  static constexpr int capacity = 64;
  int pieces = 0;
  long a_step = 1;  // floats from one step to the next
  long b_step = 0;
  int length[capacity];
  long a_offset[capacity];
  long b_offset[capacity];

  void add(long a, long b, int steps) {
    length[pieces] = steps;
    a_offset[pieces] = a;
    b_offset[pieces] = b;
    ++pieces;
  }
};

/// tile[i][j] (+)= sum over pieces t and k < length[t] of a[i][a_offset[t] + k a_step] * b[b_offset[t] + k b_step + j],
/// i < MR, j < NR. The sum starts at zero and is added to the tile at the end, so long sums come in levels.
template <class Isa>
[[gnu::noinline]] void multiply(const float* const (&a)[MR<Isa>], const float* b, const Depth& depth,
                                float* __restrict tile, bool accumulate) {
  constexpr int rows = MR<Isa>;
  constexpr int width = Isa::width;
  const float* row[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) row[i] = a[i];
  Vector<Isa> left[rows];
  Vector<Isa> right[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) left[i] = right[i] = Vector<Isa>{};
  const long a_step = depth.a_step;
  const long b_step = depth.b_step;
  for (int t = 0; t < depth.pieces; ++t) {
    const float* column = b + depth.b_offset[t];
    long at = depth.a_offset[t];
    for (int k = depth.length[t]; k > 0; --k) {
      const Vector<Isa> b0 = load<Isa>(column);
      const Vector<Isa> b1 = load<Isa>(column + width);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const Vector<Isa> value = broadcast<Isa>(row[i][at]);
        left[i] = fma<Isa>(value, b0, left[i]);
        right[i] = fma<Isa>(value, b1, right[i]);
      }
      at += a_step;
      column += b_step;
    }
  }
  if (accumulate) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      left[i] += load<Isa>(tile + i * NR<Isa>);
      right[i] += load<Isa>(tile + i * NR<Isa> + width);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    store<Isa>(tile + i * NR<Isa>, left[i]);
    store<Isa>(tile + i * NR<Isa> + width, right[i]);
  }
}

}  // namespace tinycnn::cpu
