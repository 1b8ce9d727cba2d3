// Measures the current f32 peak of the machine: multiply-adds on registers only, on all threads at once.
#pragma once

#include <tinycnn/backends/cpu/thread_pool.hpp>
#include <tinycnn/core/clock.hpp>

#include <vector>

/// The total GFLOP/s of all threads of the pool, each timed from its own start; the best of `bursts`.
template <class Pool>
double best_burst_gflops(Pool& pool, long rounds, int bursts) {
  using V = tinycnn::cpu::Vector<tinycnn::cpu::Native>;
  constexpr int chains = tinycnn::cpu::Native::width == 16 ? 16 : 12;  // enough to hide the latency of a multiply-add
  std::vector<double> rates(static_cast<std::size_t>(pool.size()));
  double best = 0;
  for (int burst = 0; burst < bursts; ++burst) {
    pool.run(pool.size(), [&](int block, int) {
      const double start = tinycnn::seconds_now();
      V sums[chains] = {}, factor = V{} + 0.9999f, term = V{} + 1e-4f;
      for (int k = 0; k < chains; ++k) asm volatile("" : "+v"(sums[k]));  // hides from the compiler that all are equal
      for (long i = 0; i < rounds; ++i) {
        for (int k = 0; k < chains; ++k) sums[k] = tinycnn::cpu::fma<tinycnn::cpu::Native>(sums[k], factor, term);
        asm volatile("" : "+v"(factor), "+v"(term));  // keeps the loop
      }
      for (int k = 0; k < chains; ++k) asm volatile("" : : "v"(sums[k]));
      const double flop = 2.0 * double(rounds) * chains * tinycnn::cpu::Native::width;
      rates[static_cast<std::size_t>(block)] = flop / (tinycnn::seconds_now() - start) / 1e9;
    });
    double sum = 0;
    for (const double rate : rates) sum += rate;
    best = sum > best ? sum : best;
  }
  return best;
}

/// The peak of the machine.
template <class Pool>
double peak_gflops(Pool& pool) {
  return best_burst_gflops(pool, 400000, 10);
}

/// The peak at the clock frequency that preceding work has left: measured within 0.2 ms.
template <class Pool>
double peak_gflops_now(Pool& pool) {
  return best_burst_gflops(pool, 20000, 4);
}
