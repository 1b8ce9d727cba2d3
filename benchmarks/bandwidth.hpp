// Measures the current memory bandwidth of the machine: a copy that exceeds all caches, on all threads at once.
#pragma once

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>
#include <tinycnn/core/clock.hpp>
#include <tinycnn/core/memory.hpp>

namespace bench {

/// GB/s, read and written together; the best of ten copies of 256 MB with non-temporal stores.
inline double copy_bandwidth(tinycnn::cpu::ThreadPool& pool) {
  using Isa = tinycnn::cpu::Native;
  constexpr int blocks = 256;
  constexpr long block = 1L << 18;  // floats
  const tinycnn::Buffer<float> from(blocks * block), to(blocks * block);
  for (long i = 0; i < from.size(); ++i) from[i] = to[i] = 1;
  double best = 0;
  for (int copy = 0; copy < 10; ++copy) {
    const double start = tinycnn::seconds_now();
    pool.run(blocks, [&](int b, int) {
      const float* source = from.data() + b * block;
      float* target = to.data() + b * block;
      for (long i = 0; i < block; i += Isa::width)
        tinycnn::cpu::stream<Isa>(target + i, tinycnn::cpu::load<Isa>(source + i));
    });
    const double rate = 2.0 * 4e-9 * double(from.size()) / (tinycnn::seconds_now() - start);
    best = rate > best ? rate : best;
  }
  return best;
}

}  // namespace bench
