// Constant: the same learning rate in every step.
#pragma once

namespace tinycnn {

/// rate(step) = base.
struct Constant {
  double base = 1e-3;
  [[nodiscard]] constexpr double rate(long) const { return base; }
};

}  // namespace tinycnn
