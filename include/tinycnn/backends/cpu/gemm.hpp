// The one micro-kernel: a register tile of MR x NR sums of products, read through pointers.
#pragma once

#include <tinycnn/backends/cpu/lane.hpp>

namespace tinycnn::cpu {

/// The depth of a product in pieces: piece t takes `length` steps from a + piece.a and b + piece.b on.
struct Depth {
  struct Piece {
    long length = 0;  // 0 ends the list
    long a = 0;
    long b = 0;
  };
  static constexpr int capacity = 64;
  long a_step = 1;  // floats from one step to the next; b steps by NR
  int pieces = 0;
  Piece piece[capacity + 1];

  void add(long a, long b, long length) {
    piece[pieces] = {length, a, b};
    piece[++pieces].length = 0;
  }
  void clear() { piece[pieces = 0].length = 0; }
};

/// Floats of b that are asked for before their turn: 4 KB, what the hardware's own prefetching does not reach across.
inline constexpr int weights_ahead = 1024;

/// tile[i][j] (+)= sum over pieces t and k < length_t of a[i][a_t + k a_step] * b[b_t + k NR + j], i < MR, j < NR; with
/// Half, for j < NR / 2 only.
/// The sum starts at zero and is added to the tile at the end, so that long sums come in levels.
template <class Isa, bool Half = false>
[[gnu::noinline]] void multiply(const float* const (&a)[MR<Isa>], const float* b, const Depth& depth,
                                float* __restrict tile, bool accumulate) {
  constexpr int rows = MR<Isa>;
  constexpr int width = Isa::width;
  const float* row[rows];
  Vector<Isa> left[rows];
  Vector<Isa> right[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    row[i] = a[i];
    left[i] = right[i] = Vector<Isa>{};
  }
  const long a_step = depth.a_step;
  // Eight rows, a_step, b and four running values are all the registers there are: g++ keeps what does not fit in
  // vector registers, whose way back waits behind the arithmetic (10 % with pieces of 8 steps).
  for (const Depth::Piece* piece = depth.piece; piece->length > 0; ++piece) {
    const float* column = b + piece->b;
    long at = piece->a;
    for (long k = piece->length; k > 0; --k) {
      asm("" : "+r"(at));  // one index for all rows; g++ would step MR pointers
      __builtin_prefetch(column + weights_ahead);
      __builtin_prefetch(column + weights_ahead + width);
      const Vector<Isa> b0 = load<Isa>(column);
      const Vector<Isa> b1 = Half ? Vector<Isa>{} : load<Isa>(column + width);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const Vector<Isa> value = broadcast<Isa>(row[i][at]);
        left[i] = fma<Isa>(value, b0, left[i]);
        if constexpr (!Half) right[i] = fma<Isa>(value, b1, right[i]);
      }
      at += a_step;
      column += NR<Isa>;
    }
  }
  if (accumulate) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      left[i] += load<Isa>(tile + i * NR<Isa>);
      if constexpr (!Half) right[i] += load<Isa>(tile + i * NR<Isa> + width);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    store<Isa>(tile + i * NR<Isa>, left[i]);
    if constexpr (!Half) store<Isa>(tile + i * NR<Isa> + width, right[i]);
  }
}

}  // namespace tinycnn::cpu
