// Sixth stage: finds the lifetime of each value, from the first step that needs its memory to the last.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

namespace detail {
constexpr void extend_lifetime(PlanDraft& d, int value, int at) {
  if (value < 0) return;
  Value& root = d.values[d.values[value].root];
  if (root.first < 0 || at < root.first) root.first = at;
  if (at > root.last) root.last = at;
}
}  // namespace detail

/// A value lives from its first writer to its last reader. The input lives from before the first step; the output, the
/// loss and the gradient of the input live until after the last.
constexpr void find_lifetimes(PlanDraft& d) {
  detail::extend_lifetime(d, 0, 0);
  for (int i = 0; i < d.step_count; ++i) {
    const Step& s = d.steps[i];
    const FusedOpFacts& op = d.op(s);
    if (s.phase == Phase::forward) {
      for (int v : {s.x, s.r, s.y, s.saved, s.argmax}) detail::extend_lifetime(d, v, i);
      if (d.graph->layers[s.layers[s.layer_count - 1]].kind->loss) detail::extend_lifetime(d, s.y, d.step_count);
    } else {
      if (op.saves_input) {
        detail::extend_lifetime(d, s.x, i);
        detail::extend_lifetime(d, s.r, i);
      }
      if (op.saves_output) detail::extend_lifetime(d, s.y, i);
      for (int v : {s.saved, s.argmax, s.dy, s.dx, s.dr, s.add_dx, s.add_dr}) detail::extend_lifetime(d, v, i);
    }
  }
  detail::extend_lifetime(d, d.output, d.step_count);
  detail::extend_lifetime(d, d.input_gradient, d.step_count);
}

}  // namespace tinycnn
