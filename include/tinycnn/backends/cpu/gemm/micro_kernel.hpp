// The micro-kernel: a register tile of MR x NR sums of products, read through pointers.
#pragma once

#include <tinycnn/backends/cpu/gemm/prefetcher.hpp>
#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

/// The depth of a product (its summed dimension) in segments: segment t takes `length` steps from a + segment.a and b +
/// segment.b on.
struct Depth {
  struct Segment {
    long length = 0;  // 0 ends the list
    long a = 0;
    long b = 0;
  };
  static constexpr int capacity = 64;
  long a_step = 1;  // floats from one step to the next; b steps by NR
  int segments = 0;
  Segment segment[capacity + 1];

  void add(long a, long b, long length) {
    segment[segments] = {length, a, b};
    segment[++segments].length = 0;
  }
  void clear() { segment[segments = 0].length = 0; }
};

/// How many floats of b ahead to prefetch: 4 KB, which the hardware's own prefetcher does not cross.
inline constexpr int weights_prefetch_distance = 1024;

/// The sums of a register tile; only `left` with Half.
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
  [[gnu::always_inline]] void add(const float* const (&row)[rows], long at, const float* column) {
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

/// Steps of a product per step of a Prefetcher.
inline constexpr int steps_per_prefetch = 4;

/// tile[i][j] (+)= sum over segments t and k < length_t of a[i][a_t + k a_step] * b[b_t + k NR + j], i < MR, j < NR;
/// with Half, for j < NR / 2 only. The sum starts at zero and is added to the tile at the end, so that long sums come
/// in levels. The prefetcher, where there is one, takes a step with every steps_per_prefetch of the depth.
template <class Isa, bool Half = false, class... MaybePrefetcher>
[[gnu::noinline]] void multiply(const float* const (&a)[MR<Isa>], const float* b, const Depth& depth,
                                float* __restrict tile, bool accumulate, MaybePrefetcher&... prefetcher) {
  const float* row[MR<Isa>];
#pragma GCC unroll 8
  for (int i = 0; i < MR<Isa>; ++i) row[i] = a[i];
  Accumulators<Isa, Half> sums;
  sums.clear();
  const long a_step = depth.a_step;
  // Eight rows, a_step, b and four running values are all the registers there are: g++ keeps what does not fit in
  // vector registers, whose way back waits behind the arithmetic (10 % with segments of 8 steps).
  for (const Depth::Segment* segment = depth.segment; segment->length > 0; ++segment) {
    const float* column = b + segment->b;
    long at = segment->a;
    const auto step = [&]() __attribute__((always_inline)) {
      asm("" : "+r"(at));     // one index for all rows; g++ would step MR pointers
      if constexpr (!Half) {  // few channels have few weights, and every load counts
        __builtin_prefetch(column + weights_prefetch_distance);
        __builtin_prefetch(column + weights_prefetch_distance + Isa::width);
      }
      sums.add(row, at, column);
      at += a_step;
      column += NR<Isa>;
    };
    long left = segment->length;
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

/// sums[i][j] += sum over k < depth of row[i][k Step] * b[k NR + j]. `Steps`, 4 or 16, are written out one after
/// another: their addresses are known, and a loop of few turns is foreseen to its end. The way out between every four
/// also keeps g++ from looking for what to combine among hundreds of instructions. For each run of steps, `each(at, k)`
/// is called before its step k; `at` is where the run starts in the rows.
template <class Isa, int Step, int Steps, class Each>
[[gnu::always_inline]] inline void add_products(Accumulators<Isa>& sums, const float* const (&row)[MR<Isa>],
                                                const float* b, long depth, const Each& each) {
  constexpr int together = 4;
  const long whole = depth / together * together;
  long at = 0;
  const auto add = [&]<int First>() __attribute__((always_inline)) {
    asm("" : "+r"(at));  // one index for all rows; g++ would step MR pointers
#pragma GCC unroll 4
    for (int k = First; k < First + together; ++k) {
      each(at, k);
      sums.add(row, at + k * Step, b + k * NR<Isa>);
    }
  };
  const float* const end = b + depth * NR<Isa>;
  for (long left = whole; left > 0; left -= together) {
    add.template operator()<0>();
    if constexpr (Steps == 16) {
      if ((left -= together) == 0) break;
      add.template operator()<4>();
      if ((left -= together) == 0) break;
      add.template operator()<8>();
      if ((left -= together) == 0) break;
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

/// tile[t][j] = sum over k < depth of a[t a_step + k] * b[k NR + j], t < rows rounded up to MR, j < NR; rows beyond the
/// last repeat it. Prefetches what the next call will read, little by little: its rows from next_a on, as many weights
/// from next_b on; and one step of the prefetcher with each MR rows.
template <class Isa>
[[gnu::noinline]] void multiply_tiles(const float* a, long a_step, int rows, const float* b, long depth,
                                      float* __restrict tile, const float* next_a, const float* next_b,
                                      Prefetcher& prefetcher) {
  const int products = (rows + MR<Isa> - 1) / MR<Isa>;
  const long next_step = (NR<Isa> + products - 1) / products;
  for (int t = 0; t < rows; t += MR<Isa>, a += MR<Isa> * a_step, tile += MR<Isa> * NR<Isa>) {
    prefetcher.step();
    const float* row[MR<Isa>];
    row[0] = a;
#pragma GCC unroll 8
    for (int i = 1; i < MR<Isa>; ++i) row[i] = row[i - 1] + (t + i < rows ? a_step : 0);
    const long next_rows = t + MR<Isa> < rows ? MR<Isa> * a_step : next_a - a;
    Accumulators<Isa> sums;
    sums.clear();
    add_products<Isa, 1, 16>(sums, row, b, depth, [&](long at, int k) {
      if (k < MR<Isa>) __builtin_prefetch(row[k] + at + next_rows);
      __builtin_prefetch(next_b);
      next_b += next_step;
    });
    sums.write(tile);
  }
}

}  // namespace tinycnn::cpu
