// Constant: a constant learning rate.
#pragma once

namespace tinycnn {

/// rate(step) = base, torch.optim with no scheduler.
struct Constant {
  double base = 1e-3;
  [[nodiscard]] constexpr double rate(long) const { return base; }
};

}  // namespace tinycnn
