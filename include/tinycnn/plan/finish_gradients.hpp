// Fourth stage: which step finishes the gradient of a pending value, so that its BatchNorm need not read it again.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

/// The last step that contributes to the gradient of a pending value, where its row can, applies the ReLU's mask to it
/// and takes the sums that the value's own backward step starts with. Nobody but that step may read the gradient then.
constexpr void finish_gradients(PlanDraft& d) {
  for (int at = d.forward_count; at < d.step_count; ++at) {
    Step& giver = d.steps[at];
    if (giver.dx < 0 || !d.row(giver).finishes || d.values[giver.x].pending < 0 || !d.values[giver.x].pending_relu)
      continue;
    const int gradient = giver.dx;
    int taker = -1;
    bool alone = true;
    for (int i = at + 1; i < d.step_count; ++i) {
      const Step& s = d.steps[i];
      if (s.y == giver.x && s.dy == gradient && d.row(s).takes_finished)
        taker = i;
      else
        for (int v : {s.dy, s.add_dx, s.add_dr}) alone = alone && v != gradient;
      for (int v : {s.dx, s.dr}) alone = alone && (v != gradient || taker >= 0);
    }
    if (taker < 0 || !alone) continue;
    giver.finishes = taker;
    d.steps[taker].finished = true;
  }
}

}  // namespace tinycnn
