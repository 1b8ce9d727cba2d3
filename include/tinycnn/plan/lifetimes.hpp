// Fifth stage: between which steps each value must keep its memory.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

namespace detail {
constexpr void touch(PlanDraft& d, int value, int at) {
  if (value < 0) return;
  Value& root = d.values[d.values[value].root];
  if (root.first < 0 || at < root.first) root.first = at;
  if (at > root.last) root.last = at;
}
}  // namespace detail

/// A value lives from its first writer to its last reader; the input from before the first step, the output, the loss
/// and the input's gradient until after the last.
constexpr void find_lifetimes(PlanDraft& d) {
  detail::touch(d, 0, 0);
  for (int i = 0; i < d.step_count; ++i) {
    const Step& s = d.steps[i];
    const FusedOpFacts& op = d.op(s);
    if (s.phase == Phase::forward) {
      for (int v : {s.x, s.r, s.y, s.saved, s.argmax}) detail::touch(d, v, i);
      if (d.graph->layers[s.layers[s.layer_count - 1]].kind->loss) detail::touch(d, s.y, d.step_count);
    } else {
      if (op.saves_input) {
        detail::touch(d, s.x, i);
        detail::touch(d, s.r, i);
      }
      if (op.saves_output) detail::touch(d, s.y, i);
      for (int v : {s.saved, s.argmax, s.dy, s.dx, s.dr, s.add_dx, s.add_dr}) detail::touch(d, v, i);
    }
  }
  detail::touch(d, d.output, d.step_count);
  detail::touch(d, d.input_gradient, d.step_count);
}

}  // namespace tinycnn
