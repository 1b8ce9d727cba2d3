// The micro-kernel: computes one register tile, MR x NR sums of products, from rows of a and a packed panel of b.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/gemm/prefetcher.hpp>
#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

/// The depth of a product (its summed dimension, K) as a list of segments. Segment t covers `length` steps of the
/// depth, starting at a + segment.a and b + segment.b.
struct Depth {
  struct Segment {
    std::int64_t length = 0;  // 0 ends the list
    std::int64_t a = 0;
    std::int64_t b = 0;
  };
  static constexpr int capacity = 64;
  std::int64_t a_step = 1;  // floats of a from one step to the next; b advances by NR
  int segments = 0;
  Segment segment[capacity + 1];

  void add(std::int64_t a, std::int64_t b, std::int64_t length) {
    segment[segments] = {length, a, b};
    segment[++segments].length = 0;
  }
  void clear() { segment[segments = 0].length = 0; }
};

/// How far ahead to prefetch b, in floats: 4 KB, since the hardware prefetcher does not cross page boundaries.
inline constexpr int weights_prefetch_distance = 1024;

/// The sums of a register tile (MR,NR), two registers per row; with Half, columns NR / 2 and up are left out.
template <class Isa, bool Half = false>
struct Accumulators {
  static constexpr int rows = MR<Isa>;
  Vector<Isa> left[rows];
  Vector<Isa> right[rows];

  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) left[i] = right[i] = Vector<Isa>{};
  }
  /// One step of the depth: row[i][at] * column[j].
  [[gnu::always_inline]] void add(const float* const (&row)[rows], std::int64_t at, const float* column) {
    const Vector<Isa> b0 = load<Isa>(column);
    const Vector<Isa> b1 = Half ? Vector<Isa>{} : load<Isa>(column + Isa::width);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const Vector<Isa> value = broadcast<Isa>(row[i][at]);
      left[i] = fma<Isa>(value, b0, left[i]);
      if constexpr (!Half) right[i] = fma<Isa>(value, b1, right[i]);
    }
  }
  [[gnu::always_inline]] void add(const float* tile) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      left[i] += load<Isa>(tile + i * NR<Isa>);
      if constexpr (!Half) right[i] += load<Isa>(tile + i * NR<Isa> + Isa::width);
    }
  }
  [[gnu::always_inline]] void write(float* tile) const {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      store<Isa>(tile + i * NR<Isa>, left[i]);
      if constexpr (!Half) store<Isa>(tile + i * NR<Isa> + Isa::width, right[i]);
    }
  }
};

/// Steps of the depth per step of a Prefetcher.
inline constexpr int steps_per_prefetch = 4;

/// tile[i][j] (+)= sum over segments t and k < length_t of a[i][a_t + k a_step] * b[b_t + k NR + j], i < MR, j < NR;
/// with Half, for j < NR / 2 only. Each call sums from zero and adds to the tile at the end, which keeps the rounding
/// error of long sums small. A prefetcher, if given, takes one step per steps_per_prefetch steps of the depth.
template <class Isa, bool Half = false, class... MaybePrefetcher>
[[gnu::noinline]] void multiply(const float* const (&a)[MR<Isa>], const float* b, const Depth& depth,
                                float* __restrict tile, bool accumulate, MaybePrefetcher&... prefetcher) {
  const float* row[MR<Isa>];
#pragma GCC unroll 8
  for (int i = 0; i < MR<Isa>; ++i) row[i] = a[i];
  Accumulators<Isa, Half> sums;
  sums.clear();
  const std::int64_t a_step = depth.a_step;
  // Eight row pointers, a_step, b and four running values already use every general register. g++ spills the rest to
  // vector registers, and reading it back waits behind the arithmetic (10 % slower with segments of 8 steps).
  for (const Depth::Segment* segment = depth.segment; segment->length > 0; ++segment) {
    const float* column = b + segment->b;
    std::int64_t at = segment->a;
    const auto step = [&]() __attribute__((always_inline)) {
      asm("" : "+r"(at));     // one index for all rows; otherwise g++ increments MR pointers
      if constexpr (!Half) {  // half a panel has few weights, and every load counts
        __builtin_prefetch(column + weights_prefetch_distance);
        __builtin_prefetch(column + weights_prefetch_distance + Isa::width);
      }
      sums.add(row, at, column);
      at += a_step;
      column += NR<Isa>;
    };
    std::int64_t left = segment->length;
    if constexpr (sizeof...(prefetcher) > 0)
      for (; left >= steps_per_prefetch; left -= steps_per_prefetch) {
        (prefetcher.step(), ...);
#pragma GCC unroll 4
        for (int i = 0; i < steps_per_prefetch; ++i) step();
      }
    for (; left > 0; --left) step();
  }
  if (accumulate) sums.add(tile);
  sums.write(tile);
}

/// sums[i][j] += sum over k < depth of row[i][k Step] * b[k NR + j]. The loop is unrolled `Steps` (4 or 16) times, so
/// that addresses are constants and the branch predictor foresees the few iterations. The exit after every four steps
/// also keeps g++'s vectorizer from searching hundreds of instructions at once. Before step k of an iteration,
/// `each(at, k)` is called; `at` is the iteration's first index into the rows.
template <class Isa, int Step, int Steps, class Each>
[[gnu::always_inline]] inline void add_products(Accumulators<Isa>& sums, const float* const (&row)[MR<Isa>],
                                                const float* b, std::int64_t depth, const Each& each) {
  constexpr int unroll = 4;
  const std::int64_t whole = depth / unroll * unroll;
  std::int64_t at = 0;
  const auto add = [&]<int First>() __attribute__((always_inline)) {
    asm("" : "+r"(at));  // as in multiply
#pragma GCC unroll 4
    for (int k = First; k < First + unroll; ++k) {
      each(at, k);
      sums.add(row, at + k * Step, b + k * NR<Isa>);
    }
  };
  const float* const end = b + depth * NR<Isa>;
  for (std::int64_t left = whole; left > 0; left -= unroll) {
    add.template operator()<0>();
    if constexpr (Steps == 16) {
      if ((left -= unroll) == 0) break;
      add.template operator()<4>();
      if ((left -= unroll) == 0) break;
      add.template operator()<8>();
      if ((left -= unroll) == 0) break;
      add.template operator()<12>();
    }
    at += Steps * Step;
    b += Steps * NR<Isa>;
  }
  b = end - (depth - whole) * NR<Isa>;
  for (at = whole * Step; b != end; at += Step, b += NR<Isa>) {
    asm("" : "+r"(at));
    sums.add(row, at, b);
  }
}

/// tile[t][j] = sum over k < depth of a[t a_step + k] * b[k NR + j] for j < NR and t < rows rounded up to MR, where
/// rows beyond the last repeat it. Meanwhile prefetches the next call's operands, its rows of a from next_a on and its
/// panel of b from next_b on, and takes one step of the prefetcher per register tile.
template <class Isa>
[[gnu::noinline]] void multiply_tiles(const float* a, std::int64_t a_step, int rows, const float* b, std::int64_t depth,
                                      float* __restrict tile, const float* next_a, const float* next_b,
                                      Prefetcher& prefetcher) {
  const int products = (rows + MR<Isa> - 1) / MR<Isa>;
  const std::int64_t next_step = (NR<Isa> + products - 1) / products;
  for (int t = 0; t < rows; t += MR<Isa>, a += MR<Isa> * a_step, tile += MR<Isa> * NR<Isa>) {
    prefetcher.step();
    const float* row[MR<Isa>];
    row[0] = a;
#pragma GCC unroll 8
    for (int i = 1; i < MR<Isa>; ++i) row[i] = row[i - 1] + (t + i < rows ? a_step : 0);
    const std::int64_t next_rows = t + MR<Isa> < rows ? MR<Isa> * a_step : next_a - a;
    Accumulators<Isa> sums;
    sums.clear();
    add_products<Isa, 1, 16>(sums, row, b, depth, [&](std::int64_t at, int k) {
      if (k < MR<Isa>) __builtin_prefetch(row[k] + at + next_rows);
      __builtin_prefetch(next_b);
      next_b += next_step;
    });
    sums.write(tile);
  }
}

}  // namespace tinycnn::cpu
