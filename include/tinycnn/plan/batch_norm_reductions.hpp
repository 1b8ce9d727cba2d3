// Fifth stage: decides which step computes the reduction of BatchNorm's backward pass while the gradient is in cache,
// so that BatchNorm's own step need not read it for that.
#pragma once

#include <tinycnn/plan/draft.hpp>

namespace tinycnn {

/// If its fused op can, the last step that contributes to the gradient of a deferred value multiplies it by the
/// derivative of the activation and computes the sums that the value's own backward step needs. Then no other step may
/// read that gradient.
constexpr void assign_batch_norm_reductions(PlanDraft& d) {
  for (int at = d.forward_count; at < d.step_count; ++at) {
    Step& producer = d.steps[at];
    if (producer.dx < 0 || !d.op(producer).reduces_for_batch_norm || d.values[producer.x].deferred < 0 ||
        d.values[producer.x].deferred_activation < 0)
      continue;
    const int gradient = producer.dx;
    int consumer = -1;
    bool alone = true;
    for (int i = at + 1; i < d.step_count; ++i) {
      const Step& s = d.steps[i];
      if (s.y == producer.x && s.dy == gradient && d.op(s).uses_reduction)
        consumer = i;
      else
        for (int v : {s.dy, s.add_dx, s.add_dr}) alone = alone && v != gradient;
      for (int v : {s.dx, s.dr}) alone = alone && (v != gradient || consumer >= 0);
    }
    if (consumer < 0 || !alone) continue;
    producer.reduces_for = consumer;
    d.steps[consumer].reduced = true;
  }
}

}  // namespace tinycnn
