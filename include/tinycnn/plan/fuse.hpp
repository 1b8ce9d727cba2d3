// Second stage: covers the nodes with the backend's fused ops, longest pattern first, and lists the forward steps.
#pragma once

#include <tinycnn/core/integer_math.hpp>
#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

namespace detail {

constexpr bool is_view(const Layer& layer, Mode mode) {
  return layer.kind->view || (layer.kind->view_in_eval && mode != Mode::training);
}

/// Whether the plan's output is value v or a view of it.
constexpr bool is_output(const PlanDraft& d, int v) {
  int value = d.output;  // node i computes value i + 1
  while (value != v && value > 0 && is_view(d.graph->layers[d.graph->nodes[value - 1].layer], d.demand.mode))
    value = d.graph->nodes[value - 1].x;
  return value == v;
}

/// The nodes that an op covers from a given start node, and the second operand of its join, if any.
struct Cover {
  int nodes[longest_pattern] = {-1, -1, -1, -1};
  int r = -1;
  Match match{};
};

/// Whether a layer has the kind that a pattern names: any custom layer for null, any activation for `any_activation`.
constexpr bool matches_kind(const Kind* kind, const Layer& layer) {
  if (kind == nullptr) return layer.own != nullptr;
  return kind == &any_activation ? layer.activation != nullptr : kind == layer.kind;
}

/// Whether the op's pattern matches from node `start` on; fills `cover`. A value inside a match must have exactly one
/// reader. In a sum the matched chain may be either operand.
constexpr bool match_pattern(const PlanDraft& d, const FusedOpFacts& op, int start, IntArray& readers, IntArray& reader,
                             IntArray& covered, Cover& cover) {
  const Graph& g = *d.graph;
  cover = {};
  cover.match = {.graph = &g,
                 .count = op.length,
                 .mode = d.demand.mode,
                 .wants_dx = g.nodes[start].x != 0 || d.demand.input_gradient};
  int node = start;
  for (int k = 0; k < op.length; ++k) {
    const Layer& layer = g.layers[g.nodes[node].layer];
    if (covered[node] != 0) return false;
    if (!matches_kind(op.pattern[k], layer)) return false;
    if (k == 0) {
      cover.r = g.nodes[node].r;
    } else if (g.nodes[node].r >= 0) {
      const int inside = g.nodes[cover.nodes[k - 1]].y;
      cover.r = g.nodes[node].x == inside ? g.nodes[node].r : g.nodes[node].x;
    }
    cover.nodes[k] = node;
    cover.match.layers[k] = &layer;
    if (k + 1 < op.length) {
      const int y = g.nodes[node].y;
      if (readers[y] != 1 || reader[y] < 0) return false;  // several readers, or only the caller
      node = reader[y];
    }
  }
  cover.match.is_output = is_output(d, g.nodes[node].y);
  return op.fits == nullptr || op.fits(cover.match);
}

/// Adds the values and the persistent memory that a step's fused op requires.
constexpr void assign_memory(PlanDraft& d, Step& step, const Match& match) {
  const FusedOpFacts& op = d.op(step);
  const MemoryRequirements requirements = op.requirements == nullptr ? MemoryRequirements{} : op.requirements(match);
  const Dims none{};
  if (requirements.saved > 0) step.saved = d.add_root(none, requirements.saved, d.stored);
  if (requirements.argmax_bytes > 0)
    step.argmax = d.add_root(none, requirements.argmax_bytes, &element_type<unsigned char>);
  if (requirements.statistics > 0) {
    step.statistics = d.persistent;
    d.persistent += d.compute_bytes(requirements.statistics);
  }
  if (requirements.prepared > 0) {
    step.prepared = d.persistent;
    d.persistent += d.compute_bytes(requirements.prepared);
  }
  if (requirements.deferred >= 0)
    d.values[step.y].deferred = step.statistics + requirements.deferred * d.compute->bytes;
  if (requirements.deferred_activation >= 0)
    d.values[step.y].deferred_activation = step.layers[requirements.deferred_activation];
  d.workspace = larger(d.workspace, d.compute_bytes(requirements.workspace));
  d.workspace_per_sample = larger(d.workspace_per_sample, d.compute_bytes(requirements.workspace_per_sample));
  d.scratch = larger(d.scratch, d.compute_bytes(requirements.scratch));
  d.scratch_per_sample = larger(d.scratch_per_sample, d.compute_bytes(requirements.scratch_per_sample));
}

}  // namespace detail

/// Lists the forward steps, each in the position of its last node, and the values between them.
constexpr void fuse(PlanDraft& d) {
  const Graph& g = *d.graph;
  const int values = d.nodes + 1;
  for (int v = 0; v < values; ++v) d.add_value({.dims = g.dims(v), .type = d.stored});
  d.values[0].per_sample = aligned_bytes(g.input.size() * d.stored->bytes);
  d.values[0].root = d.values[0].gradient_root = 0;
  d.output = d.demand.prefix < 0 && d.nodes == g.node_count ? g.logits_nodes() : d.nodes;

  IntArray readers(values), reader(values, -1), covered(d.nodes + 1), op_at(d.nodes + 1, -1), start_at(d.nodes + 1, -1);
  for (int i = 0; i < d.nodes; ++i) {
    for (int v : {g.nodes[i].x, g.nodes[i].r}) {
      if (v < 0) continue;
      ++readers[v];
      reader[v] = i;
    }
  }
  ++readers[d.output];  // the caller reads it, too

  detail::Cover cover;
  for (int i = 0; i < d.nodes; ++i) {
    if (covered[i] != 0 || detail::is_view(g.layers[g.nodes[i].layer], d.demand.mode)) continue;
    int op = 0;
    while (op < d.op_count && ((d.ops[op].modes & bit(d.demand.mode)) == 0 || d.ops[op].applies_deferred ||
                               !detail::match_pattern(d, d.ops[op], i, readers, reader, covered, cover)))
      ++op;
    if (op == d.op_count) {
      if (d.missing < 0) d.missing = g.nodes[i].layer;
      continue;
    }
    for (int k = 0; k < d.ops[op].length; ++k) covered[cover.nodes[k]] = 1;
    const int last = cover.nodes[d.ops[op].length - 1];
    op_at[last] = op;
    start_at[last] = i;
  }
  if (d.missing >= 0) return;

  for (int i = 0; i < d.nodes; ++i) {
    Value& y = d.values[g.nodes[i].y];
    if (detail::is_view(g.layers[g.nodes[i].layer], d.demand.mode)) {
      y.root = d.values[g.nodes[i].x].root;
      y.gradient_root = d.values[g.nodes[i].x].gradient_root;
      continue;
    }
    if (op_at[i] < 0) continue;
    IntArray none(d.nodes + 1);
    detail::match_pattern(d, d.ops[op_at[i]], start_at[i], readers, reader, none, cover);
    Step step;
    step.op = op_at[i];
    step.layer_count = d.ops[step.op].length;
    for (int k = 0; k < step.layer_count; ++k) step.layers[k] = g.nodes[cover.nodes[k]].layer;
    step.x = g.nodes[start_at[i]].x;
    step.r = cover.r;
    step.y = g.nodes[i].y;
    if (g.layers[g.nodes[i].layer].kind->loss) y.type = d.compute;
    y.per_sample = aligned_bytes(y.dims.size() * y.type->bytes);
    y.root = y.gradient_root = step.y;
    detail::assign_memory(d, step, cover.match);
    d.steps[d.step_count++] = step;
  }
  d.forward_count = d.step_count;
}

}  // namespace tinycnn
