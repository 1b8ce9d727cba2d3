// The names of layers and parameters, such as "cnn.0.weight", joined from the graph's segments on demand.
#pragma once

#include <string>

#include <tinycnn/core/text.hpp>
#include <tinycnn/plan/graph.hpp>

namespace tinycnn {

/// "cnn.4", or "" for the network itself.
[[gnu::cold]] inline std::string segment_name(const Graph& g, int segment) {
  if (segment < 0) return {};
  const Segment& s = g.segments[segment];
  const std::string parent = segment_name(g, s.parent);
  return joined({parent, parent.empty() ? "" : ".", s.text.empty() ? Piece(s.index) : Piece(s.text)});
}

/// "cnn.4 (Conv2d)", for messages.
[[gnu::cold]] inline std::string layer_name(const Graph& g, int layer) {
  const std::string name = segment_name(g, g.layers[layer].segment);
  const std::string_view kind = g.layers[layer].kind->name;
  return name.empty() ? std::string(kind) : joined({name, " (", kind, ")"});
}

/// PyTorch's state_dict key: "cnn.4.weight".
[[gnu::cold]] inline std::string parameter_name(const Graph& g, const Parameter& p) {
  const std::string name = segment_name(g, g.layers[p.layer].segment);
  return joined({name, name.empty() ? "" : ".", p.name});
}

}  // namespace tinycnn
