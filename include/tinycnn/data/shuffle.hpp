// The order in which an epoch visits a folder: a permutation that depends on (seed, epoch) only.
#pragma once

#include <cstdint>
#include <vector>

#include <tinycnn/core/random.hpp>

namespace tinycnn {

/// 0, 1 … n - 1.
[[gnu::cold]] inline std::vector<int> sequential(int n) {
  std::vector<int> order(n > 0 ? std::size_t(n) : 0);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = int(i);
  return order;
}

/// A uniformly random permutation of 0 … n - 1 (Fisher-Yates), the same for the same seed and epoch.
[[gnu::cold]] inline std::vector<int> shuffled(int n, std::uint64_t seed, std::uint64_t epoch) {
  constexpr std::uint64_t stream = std::uint64_t(0x73687566) << 32;  // "shuf": distinct from other streams
  std::vector<int> order = sequential(n);
  for (int i = n - 1; i > 0; --i) {
    const std::uint32_t j = below(seed, stream + epoch, std::uint64_t(i), std::uint32_t(i) + 1);
    const int moved = order[std::size_t(i)];
    order[std::size_t(i)] = order[j];
    order[j] = moved;
  }
  return order;
}

}  // namespace tinycnn
