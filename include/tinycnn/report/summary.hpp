// A network as a table: the output shape and the number of parameters of each layer.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include <tinycnn/plan/describe.hpp>

namespace tinycnn {

/// One line per layer: its name, as in weight files, its kind, the output shape of one sample, its number of trained
/// elements.
[[gnu::cold]] inline std::string summary(const Graph& g) {
  std::string text;
  char line[160];
  const auto row = [&](const std::string& name, const std::string& kind, const std::string& output,
                       const std::string& count) {
    std::snprintf(line, sizeof line, "%-24s %-14s %-16s %12s\n", name.c_str(), kind.c_str(), output.c_str(),
                  count.c_str());
    text += line;
  };
  row("layer", "kind", "output", "parameters");
  for (int i = 0; i < g.logits_nodes(); ++i) {
    const Layer& layer = g.layers[g.nodes[i].layer];
    std::int64_t trained = 0;
    for (int k = 0; k < g.parameter_count; ++k)
      if (g.parameters[k].layer == g.nodes[i].layer && !g.parameters[k].buffer) trained += g.parameters[k].size();
    row(segment_name(g, layer.segment), std::string(layer.kind->name), detail::shape_text(layer.out),
        joined({trained}));
  }
  row("all", "", "", joined({g.trained}));
  return text;
}

}  // namespace tinycnn
