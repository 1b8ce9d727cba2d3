// Access to parameters and activations as non-owning tensors; eigen.hpp and xtensor.hpp convert those to Eigen maps and
// xtensor views.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/tensor.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// A parameter or buffer in PyTorch's shape, without a copy. Before writing through it, call `state()` again if a
/// Trainer has evaluated in the meantime, so that the Trainer prepares its weights again; after writing, call a
/// Predictor's `prepare()`.
template <class T>
[[gnu::cold]] Tensor<T> tensor_of(const NetworkState<T>& state, const Parameter& p) {
  const Layer& layer = state.graph->layers[p.layer];
  if (p.buffer && state.buffers == nullptr)
    throw Error({"'", parameter_name(*state.graph, p), "' is a buffer, which has no gradient"});
  Tensor<T> t{state.data(p), {}, p.rank, parameter_name(*state.graph, p)};
  for (int a = 0; a < p.rank; ++a) t.axes[a].extent = p.extents[a];
  // The features of a flattened image are stored in the image's order.
  if (const Dims image = features_of(layer, p); image.pixels() > 1) {
    const int features = p.rank - 1;
    t.axes[features].extent = image.c;
    t.axes[features + 1] = {image.h, 0, true};
    t.axes[features + 2] = {image.w, 0, true};
    t.count = p.rank + 2;
  }
  std::int64_t unit = 1;  // the distance between neighbours along the axis, in PyTorch's order
  for (int a = t.count - 1; a >= 0; --a) {
    if (t.axes[a].extent > 1) t.axes[a].stride = parameter_offset(state.order, layer, p, unit);
    unit *= t.axes[a].extent;
  }
  return t;
}

/// The parameter or buffer with that name in PyTorch's state_dict, such as "cnn.4.weight". Throws an Error if there is
/// none.
template <class T>
[[gnu::cold]] Tensor<T> tensor_of(const NetworkState<T>& state, std::string_view name) {
  const Graph& g = *state.graph;
  for (int k = 0; k < g.parameter_count; ++k)
    if (parameter_name(g, g.parameters[k]) == name) return tensor_of(state, g.parameters[k]);
  const std::string first = g.parameter_count == 0 ? "" : parameter_name(g, g.parameters[0]);
  throw Error({"this network has no parameter '", name, "': names are those of PyTorch's state_dict",
               first.empty() ? "" : ", such as '", first, first.empty() ? "" : "'"});
}

/// Value `value` of the graph (0: the input, i + 1: the output of node i) after an execution, as (N, C, H, W) or
/// (N, features), without a copy. The output of a plan is always available. Throws an Error if another value was not
/// stored, or if its memory has been overwritten.
template <class Backend>
[[gnu::cold]] Tensor<const typename Backend::Stored> tensor_of(const Execution<Backend>& run, int value) {
  const Plan& plan = *run.plan;
  const Graph& g = run.graph();
  const std::string name = joined({"value ", value});
  if (value < 0 || value > g.node_count) throw Error({name, " is not one of 0 to ", g.node_count});
  const auto missing = [&](const char* why) {
    throw Error({name, value == 0 ? "" : joined({", the output of ", layer_name(g, g.nodes[value - 1].layer), ","}),
                 why, ": a Predictor with ForwardPrefix<", value, "> has it"});
  };
  if (value >= plan.value_count || plan.values[value].root < 0) missing(" is no part of this plan");
  const Value& v = plan.values[plan.values[value].root];
  if (v.first < 0) missing(" exists only inside a fused step");
  if (v.is_deferred()) missing(" is stored before its normalisation");
  for (int k = 0; k < plan.value_count; ++k) {
    const Value& other = plan.values[k];
    if (other.root == k && other.first > v.last && other.offset < v.offset + v.per_sample &&
        v.offset < other.offset + other.per_sample)
      missing(" was overwritten by a later one");
  }
  return tensor_of(Backend::template fetch<typename Backend::Stored>(run, value), run.n, name);
}

}  // namespace tinycnn
