// Third stage: inserts a step that applies a deferred scale, shift and activation if a reader does not accept them
// deferred.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

/// Readers that accept a deferred value read it as stored. For the others (views, the output, fused ops without
/// `accepts_deferred`) one step right after its writer makes a copy with the deferred affine applied.
constexpr void apply_deferred_where_needed(PlanDraft& d) {
  int apply_deferred = -1;
  for (int i = 0; i < d.op_count && apply_deferred < 0; ++i)
    if (d.ops[i].applies_deferred) apply_deferred = i;

  for (int at = 0; at < d.step_count; ++at) {
    const int raw = d.steps[at].y;
    if (!d.values[raw].is_deferred()) continue;
    const int known = d.value_count;
    const int activation = d.values[raw].deferred_activation;
    const bool only_relu =
        activation < 0 || d.graph->layers[activation].activation->inlined;  // what some readers accept only
    auto refuses_x = [&](const Step& s) {
      return s.x == raw && (!d.op(s).accepts_deferred || (d.op(s).accepts_only_relu && !only_relu));
    };
    auto refuses_r = [&](const Step& s) { return s.r == raw && (!d.op(s).accepts_deferred_residual || !only_relu); };
    bool wanted = d.output == raw;
    for (int i = at + 1; i < d.step_count; ++i) wanted = wanted || refuses_x(d.steps[i]) || refuses_r(d.steps[i]);
    for (int v = 0; v < known; ++v) wanted = wanted || (v != raw && d.values[v].root == raw);
    if (!wanted) continue;

    const int applied = d.add_root(d.values[raw].dims, d.values[raw].dims.size(), d.stored);
    d.values[applied].gradient_root = d.values[raw].gradient_root;  // both share the gradient of f(s x + t)
    for (int v = 0; v < known; ++v)
      if (v != raw && d.values[v].root == raw) d.values[v].root = applied;
    for (int i = d.step_count; i > at + 1; --i) {
      d.steps[i] = d.steps[i - 1];
      if (refuses_x(d.steps[i])) d.steps[i].x = applied;
      if (refuses_r(d.steps[i])) d.steps[i].r = applied;
    }
    Step step;
    step.op = apply_deferred;
    step.layers[0] = d.steps[at].layers[d.steps[at].layer_count - 1];
    step.layer_count = 1;
    step.x = raw;
    step.y = applied;
    d.steps[at + 1] = step;
    ++d.step_count;
    if (d.output == raw) d.output = applied;
  }
  d.forward_count = d.step_count;
}

}  // namespace tinycnn
