// The f32 peak of this machine at this moment: multiply-adds on registers alone, all threads at once.
#pragma once

#include <tinycnn/backends/cpu/thread_pool.hpp>
#include <tinycnn/core/clock.hpp>

/// GFLOP/s of all the pool's threads together, best of ten bursts.
template <class Pool>
double peak_gflops(Pool& pool) {
  using V = tinycnn::cpu::Vector<tinycnn::cpu::Native>;
  constexpr long rounds = 400000;
  constexpr int chains = tinycnn::cpu::Native::width == 16 ? 16 : 12;  // enough to hide the latency of a multiply-add
  double best = 0;
  for (int burst = 0; burst < 10; ++burst) {
    const double start = tinycnn::seconds_now();
    pool.run(pool.size(), [](int, int) {
      V sums[chains] = {}, factor = V{} + 0.9999f, term = V{} + 1e-4f;
      for (int k = 0; k < chains; ++k) asm volatile("" : "+v"(sums[k]));  // or the compiler sees that all are the same
      for (long i = 0; i < rounds; ++i) {
        for (int k = 0; k < chains; ++k) sums[k] = tinycnn::cpu::fma<tinycnn::cpu::Native>(sums[k], factor, term);
        asm volatile("" : "+v"(factor), "+v"(term));  // the loop stays a loop
      }
      for (int k = 0; k < chains; ++k) asm volatile("" : : "v"(sums[k]));
    });
    const double flop = 2.0 * double(rounds) * chains * tinycnn::cpu::Native::width * pool.size();
    const double rate = flop / (tinycnn::seconds_now() - start) / 1e9;
    best = rate > best ? rate : best;
  }
  return best;
}
