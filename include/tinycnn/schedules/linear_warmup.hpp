// LinearWarmup<Then>: a linear warmup to the first rate of another schedule, which then takes over (Goyal et al. 2017).
#pragma once

#include <cstdint>

namespace tinycnn {

/// rate(step) = then.rate(0) (step + 1) / warmup for step < warmup, then.rate(step - warmup) afterwards; step is
/// counted from 0, `warmup` is a number of steps.
template <class Then>
struct LinearWarmup {
  Then then{};
  std::int64_t warmup = 0;
  [[nodiscard]] constexpr double rate(std::int64_t step) const {
    return step < warmup ? then.rate(0) * double(step + 1) / double(warmup) : then.rate(step - warmup);
  }

  /// The state of the other schedule, if it has any.
  template <class Visit>
    requires requires(Then& other, Visit& visit) { other.visit_state(visit); }
  constexpr void visit_state(Visit&& visit) {
    then.visit_state(visit);
  }
};

}  // namespace tinycnn
