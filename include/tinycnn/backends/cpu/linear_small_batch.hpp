// Linear forward for a handful of samples: bound by reading W, so W is read exactly as it lies in memory.
#pragma once

#include <tinycnn/backends/cpu/linear_shape.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

#include <cstring>

namespace tinycnn::cpu {

/// y (Out) += x (Rows) w (Rows,Out).
template <class Isa, int Rows>
[[gnu::always_inline]] inline void add_rows(const float* x, const float* w, int out, float* y) {
  int o = 0;
  for (; o + Isa::width <= out; o += Isa::width) {
    Vector<Isa> sum = load<Isa>(y + o);
    for (int r = 0; r < Rows; ++r) sum = fma<Isa>(broadcast<Isa>(x[r]), load<Isa>(w + long(r) * out + o), sum);
    store<Isa>(y + o, sum);
  }
  for (; o < out; ++o)
    for (int r = 0; r < Rows; ++r) y[o] = fma<Isa>(x[r], w[long(r) * out + o], y[o]);
}

/// As linear_forward. A unit sums a block of W's rows into partial (block,N,Out), the first worker's
/// scratch; blocks are added in order.
template <class Isa>
void linear_forward_small(const LinearShape& s, int n, const float* x, const float* w, const float* b, bool relu,
                          float* y, ThreadPool& pool, float* partial) {
  namespace blocking = linear_blocking;
  constexpr int together = 4;
  const int share = blocking::up(s.in, blocking::small_blocks) / blocking::small_blocks;
  const int depth = share > blocking::depth ? share : blocking::depth;
  const int blocks = (s.in + depth - 1) / depth;
  pool.run(blocks, [&](int block, int) {
    const int end = blocking::least((block + 1) * depth, s.in);
    float* sums = partial + long(block) * n * s.out;  // (N,Out)
    std::memset(sums, 0, sizeof(float) * std::size_t(n) * std::size_t(s.out));
    int i = block * depth;
    for (; i + together <= end; i += together)
      for (int sample = 0; sample < n; ++sample)
        add_rows<Isa, together>(x + long(sample) * s.in + i, w + long(i) * s.out, s.out, sums + long(sample) * s.out);
    for (; i < end; ++i)
      for (int sample = 0; sample < n; ++sample)
        add_rows<Isa, 1>(x + long(sample) * s.in + i, w + long(i) * s.out, s.out, sums + long(sample) * s.out);
  });
  for (int i = 0; i < n * s.out; ++i) {
    float sum = b != nullptr ? b[i % s.out] : 0.0f;
    for (int block = 0; block < blocks; ++block) sum += partial[long(block) * n * s.out + i];
    y[i] = relu ? cpu::relu<Isa>(sum) : sum;
  }
}

}  // namespace tinycnn::cpu
