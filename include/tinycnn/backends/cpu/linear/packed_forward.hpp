// Linear for inference: packs the weights once, and forward for one sample, whose time is that of reading W.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/gemm/micro_kernel.hpp>
#include <tinycnn/backends/cpu/linear/shape.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// Floats of the packed weights: [panel of NR outputs][input][NR], zero beyond the last output.
template <class Isa>
constexpr std::int64_t linear_packed_floats(const LinearShape& s) {
  return std::int64_t(s.in) * round_up(s.out, NR<Isa>);
}

/// packed[panel][input][NR] = w (In,Out).
template <class Isa>
[[gnu::cold]] void linear_pack(const LinearShape& s, const float* w, float* packed, ThreadPool& pool) {
  pool.run(round_up(s.out, NR<Isa>) / NR<Isa>, [&](int panel, int) {
    const int first = panel * NR<Isa>;
    float* to = packed + std::int64_t(first) * s.in;
    for (int i = 0; i < s.in; ++i, to += NR<Isa>)
      for (int j = 0; j < NR<Isa>; ++j) to[j] = first + j < s.out ? w[std::int64_t(i) * s.out + first + j] : 0.0f;
  });
}

/// equals: linear_forward with packed weights, for one sample, to the bit.
template <class Isa>
void linear_forward_one(const LinearShape& s, const float* x, const float* packed, const float* b, bool relu, float* y,
                        ThreadPool& pool) {
  namespace tiling = linear_tiling;
  pool.run(round_up(s.out, NR<Isa>) / NR<Isa>, [&](int panel, int) {
    const float* w = packed + std::int64_t(panel) * NR<Isa> * s.in;  // (In,NR)
    Vector<Isa> a{}, c{};
    for (int k = 0; k < s.in; k += tiling::depth) {
      const int end = smaller(s.in, k + tiling::depth);
      Vector<Isa> chunk_a{}, chunk_c{};
      for (int i = k; i < end; ++i, w += NR<Isa>) {
        __builtin_prefetch(w + weights_prefetch_distance);
        __builtin_prefetch(w + weights_prefetch_distance + Isa::width);
        const Vector<Isa> value = broadcast<Isa>(x[i]);
        chunk_a = fma<Isa>(value, load<Isa>(w), chunk_a);
        chunk_c = fma<Isa>(value, load<Isa>(w + Isa::width), chunk_c);
      }
      a = k > 0 ? chunk_a + a : chunk_a;
      c = k > 0 ? chunk_c + c : chunk_c;
    }
    float sums[NR<Isa>];
    store<Isa>(sums, a);
    store<Isa>(sums + Isa::width, c);
    const int first = panel * NR<Isa>;
    for (int j = 0; j < NR<Isa> && first + j < s.out; ++j) {
      const float value = b != nullptr ? sums[j] + b[first + j] : sums[j];
      y[first + j] = relu ? cpu::relu<Isa>(value) : value;
    }
  });
}

}  // namespace tinycnn::cpu
