// Second stage: settles how values are stored. Where a reader cannot take a pending scale, shift and ReLU, carry it
// out.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

/// A value that its row leaves pending keeps that form for the readers that absorb it; for the others (views, the
/// output, rows without `absorbs`) one materialise step after the row makes a finished copy.
constexpr void settle_stored_forms(PlanDraft& d) {
  int materialize = -1;
  for (int i = 0; i < d.row_count && materialize < 0; ++i)
    if (d.rows[i].materializes) materialize = i;

  for (int at = 0; at < d.step_count; ++at) {
    const int raw = d.steps[at].y;
    if (!d.row(d.steps[at]).emits || d.row(d.steps[at]).materializes) continue;
    const int known = d.value_count;
    auto refuses_x = [&](const Step& s) { return s.x == raw && !d.row(s).absorbs; };
    auto refuses_r = [&](const Step& s) { return s.r == raw && !d.row(s).absorbs_residual; };
    bool wanted = d.output == raw;
    for (int i = at + 1; i < d.step_count; ++i) wanted = wanted || refuses_x(d.steps[i]) || refuses_r(d.steps[i]);
    for (int v = 0; v < known; ++v) wanted = wanted || (v != raw && d.values[v].root == raw);
    if (!wanted) continue;

    const int finished = d.add_root(d.values[raw].dims, d.values[raw].dims.size(), d.stored);
    d.values[finished].gradient_root = d.values[raw].gradient_root;  // d(relu(s x + t)) is handed on as it is
    for (int v = 0; v < known; ++v)
      if (v != raw && d.values[v].root == raw) d.values[v].root = finished;
    for (int i = d.step_count; i > at + 1; --i) {
      d.steps[i] = d.steps[i - 1];
      if (refuses_x(d.steps[i])) d.steps[i].x = finished;
      if (refuses_r(d.steps[i])) d.steps[i].r = finished;
    }
    Step step;
    step.row = materialize;
    step.layers[0] = d.steps[at].layers[d.steps[at].layer_count - 1];
    step.layer_count = 1;
    step.x = raw;
    step.y = finished;
    d.steps[at + 1] = step;
    ++d.step_count;
    if (d.output == raw) d.output = finished;
  }
  d.forward_count = d.step_count;
}

}  // namespace tinycnn
