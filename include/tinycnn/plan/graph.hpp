// The graph of a network as constexpr data: layers, nodes, parameters and names, in the order of the forward pass.
#pragma once

#include <cstdint>
#include <string_view>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

/// One computation: y = layer(x), or y = layer(x, r) if it joins two values. Value 0 is the network's input; node i
/// computes value i + 1.
struct Node {
  int layer = -1;
  int x = -1;
  int r = -1;
  int y = -1;
};

/// One segment of a dotted name: a text, or an index if the text is empty.
struct Segment {
  int parent = -1;
  std::string_view text{};
  int index = 0;
};

/// The first mistake found in a network, kept as data so that a single static_assert can report it.
struct Failure {
  const Mistake* mistake = nullptr;  ///< null: none
  int layer = -1;
  Dims got{};
  Dims wants{};
};

/// A network for a fixed input shape. It points into constexpr arrays and owns nothing.
struct Graph {
  const Layer* layers = nullptr;
  const Node* nodes = nullptr;
  const Parameter* parameters = nullptr;
  const Segment* segments = nullptr;
  int layer_count = 0;
  int node_count = 0;
  int parameter_count = 0;
  Dims input{};
  Failure failure{};
  std::int64_t trained = 0;  ///< the number of trained elements: sum(p.numel() for p in net.parameters()) in PyTorch
  std::int64_t trained_storage = 0;  ///< elements of storage for them, each tensor padded to a multiple of `alignment`
  std::int64_t buffer_storage = 0;
  std::int64_t macs = 0;  ///< multiply-accumulates of the forward pass for one sample

  static constexpr std::int64_t alignment = 16;  // floats: one cache line, one 512-bit vector

  [[nodiscard]] constexpr Dims dims(int value) const { return value == 0 ? input : layers[nodes[value - 1].layer].out; }
  [[nodiscard]] constexpr bool has_loss() const {
    return node_count > 0 && layers[nodes[node_count - 1].layer].kind->loss;
  }
  /// The number of nodes up to the logits: all but the loss.
  [[nodiscard]] constexpr int logits_nodes() const { return has_loss() ? node_count - 1 : node_count; }
};

/// `count` elements, rounded up to the alignment of parameters.
constexpr std::int64_t aligned(std::int64_t count) {
  return (count + Graph::alignment - 1) / Graph::alignment * Graph::alignment;
}

}  // namespace tinycnn
