// A network with one parameter of every kind, so small that its weight file can be a seed for a fuzzer.
#pragma once

#include <cstdint>

#include <tinycnn/tinycnn.hpp>

namespace small_net {

using namespace tinycnn;

using Net = Sequential<Conv2d<1, 2, 1>, BatchNorm<2>, Flatten, Linear<2, 2>>;
inline constexpr const Graph& graph = graph_of<Net, Image<1, 1, 1>, CrossEntropy>;

using Model = Trainer<Net, Image<1, 1, 1>, Batch<4>, CrossEntropy, Adam, Constant, Reference<>>;

struct StateMemory {
  explicit StateMemory(std::uint64_t seed) { initialize(state(), seed); }
  [[nodiscard]] NetworkState<float> state() const { return {&graph, Order::chw, parameters.data(), buffers.data()}; }
  bool operator==(const StateMemory& other) const {
    bool same = true;
    for (long i = 0; i < graph.trained_storage; ++i) same = same && parameters[i] == other.parameters[i];
    for (long i = 0; i < graph.buffer_storage; ++i) same = same && buffers[i] == other.buffers[i];
    return same;
  }
  Buffer<float> parameters{graph.trained_storage}, buffers{graph.buffer_storage};
};

}  // namespace small_net
