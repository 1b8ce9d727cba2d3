// Counter-based random numbers: Philox4x32-10. The same (seed, stream, element) gives the same number on any thread.
#pragma once

#include <array>
#include <cstdint>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a bijection of
/// the 128-bit counter for every 64-bit key. The counter words are {lo, lo >> 32, hi, hi >> 32}; the key words are
/// {seed, seed >> 32}.
struct Philox {
  std::uint64_t seed = 0;

  constexpr std::array<std::uint32_t, 4> operator()(std::uint64_t counter_hi, std::uint64_t counter_lo) const {
    std::uint32_t c0 = std::uint32_t(counter_lo), c1 = std::uint32_t(counter_lo >> 32);
    std::uint32_t c2 = std::uint32_t(counter_hi), c3 = std::uint32_t(counter_hi >> 32);
    std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t(0xD2511F53u) * c0;
      const std::uint64_t b = std::uint64_t(0xCD9E8D57u) * c2;
      c0 = std::uint32_t(b >> 32) ^ c1 ^ k0;
      c1 = std::uint32_t(b);
      c2 = std::uint32_t(a >> 32) ^ c3 ^ k1;
      c3 = std::uint32_t(a);
      k0 += 0x9E3779B9u;  // the golden ratio
      k1 += 0xBB67AE85u;  // sqrt(3) - 1
    }
    return {c0, c1, c2, c3};
  }
};

/// Uniform in [0, 1), a multiple of 2^-24: every value is exact in float, and 1 never occurs.
constexpr float uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t element) {
  return float(Philox{seed}(stream, element)[0] >> 8) * 0x1p-24f;
}

/// Uniform in [0, 1), a multiple of 2^-53.
constexpr double uniform_double(std::uint64_t seed, std::uint64_t stream, std::uint64_t element) {
  const auto word = Philox{seed}(stream, element);
  return double(((std::uint64_t(word[0]) << 32) | word[1]) >> 11) * 0x1p-53;
}

/// Uniform in {0 … bound - 1}; each probability differs from 1 / bound by less than 2^-32. `bound` must be at least 1.
constexpr std::uint32_t below(std::uint64_t seed, std::uint64_t stream, std::uint64_t element, std::uint32_t bound) {
  return std::uint32_t((std::uint64_t(Philox{seed}(stream, element)[0]) * bound) >> 32);
}

}  // namespace tinycnn
