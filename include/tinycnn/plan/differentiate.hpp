// Fourth stage: lists the backward steps, in reverse order, and decides which step writes a gradient and which add to
// it.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

namespace detail {

/// The gradients that exist at some point of the backward pass.
struct Gradients {
  PlanDraft& d;
  IntArray of;       // gradient root -> the value that holds its gradient, or -1
  IntArray holders;  // value -> the number of roots whose gradient it holds

  constexpr explicit Gradients(PlanDraft& draft)
      : d(draft), of(PlanDraft::values_room(draft.nodes), -1), holders(PlanDraft::values_room(draft.nodes)) {}

  constexpr void hold(int root, int value) {
    of[root] = value;
    ++holders[value];
  }
  constexpr void release(int root) {
    if (of[root] >= 0) --holders[of[root]];
    of[root] = -1;
  }
  constexpr int fresh(int root) { return d.add_root(d.values[root].dims, d.values[root].dims.size(), d.stored); }

  /// Where a contribution to the gradient of `root` goes. The first contribution writes, later ones add. They add in
  /// place unless the memory also holds another gradient or this step reads it as `dy`.
  constexpr void contribute(int root, int dy, int& target, int& add) {
    const int held = of[root];
    add = held;
    if (held >= 0 && holders[held] == 1 && held != dy) {
      target = held;
      return;
    }
    if (held >= 0) release(root);
    target = fresh(root);
    hold(root, target);
  }
};

constexpr bool trains(const PlanDraft& d, const Step& step) {
  if (!d.demand.parameter_gradients) return false;
  for (int k = 0; k < step.layer_count; ++k) {
    const Layer& layer = d.graph->layers[step.layers[k]];
    for (int p = 0; p < layer.parameter_count; ++p)
      if (!d.graph->parameters[layer.first_parameter + p].buffer) return true;
  }
  return false;
}

}  // namespace detail

/// Appends the backward steps. A view or a normalised copy shares the gradient of its original. A sum passes its
/// gradient to both operands without copying; a step that must add to a shared gradient writes a new value.
constexpr void differentiate(PlanDraft& d) {
  if (!d.demand.parameter_gradients && !d.demand.input_gradient) return;
  detail::Gradients gradients(d);
  IntArray wanted(PlanDraft::values_room(d.nodes));
  wanted[0] = d.demand.input_gradient ? 1 : 0;
  for (int i = 0; i < d.forward_count; ++i) {
    const Step& s = d.steps[i];
    if (d.op(s).applies_deferred) continue;
    const bool inherits = wanted[d.gradient_root(s.x)] != 0 || (s.r >= 0 && wanted[d.gradient_root(s.r)] != 0);
    wanted[d.gradient_root(s.y)] = inherits || detail::trains(d, s) ? 1 : 0;
  }

  for (int i = d.forward_count - 1; i >= 0; --i) {
    const Step& forward = d.steps[i];
    const FusedOpFacts& op = d.op(forward);
    if (op.applies_deferred) continue;
    const int y = d.gradient_root(forward.y);
    const bool is_loss = d.graph->layers[forward.layers[forward.layer_count - 1]].kind->loss;
    if (wanted[y] == 0 || (gradients.of[y] < 0 && !is_loss)) continue;

    Step step = forward;
    step.phase = Phase::backward;
    step.parameter_gradients = detail::trains(d, forward);
    step.dy = gradients.of[y];
    const int x = d.gradient_root(forward.x), r = d.gradient_root(forward.r);
    const bool to_x = wanted[x] != 0, to_r = r >= 0 && wanted[r] != 0;
    auto pass = [&](int root, int& target, int& sum) {
      if (gradients.of[root] < 0)
        gradients.hold(root, step.dy);
      else
        gradients.contribute(root, step.dy, target, sum);
    };
    if (op.passes_gradient) {
      if (to_r) pass(r, step.dr, step.add_dr);
      if (to_x) pass(x, step.dx, step.add_dx);
    } else {
      if (to_r) gradients.contribute(r, step.dy, step.dr, step.add_dr);
      if (to_x) gradients.contribute(x, step.dy, step.dx, step.add_dx);
    }
    gradients.release(y);
    if (step.dx >= 0 || step.dr >= 0 || step.parameter_gradients) d.steps[d.step_count++] = step;
  }
  if (d.demand.input_gradient) d.input_gradient = gradients.of[0];
}

}  // namespace tinycnn
