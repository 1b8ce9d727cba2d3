// Constant: a constant learning rate.
#pragma once

#include <cstdint>

namespace tinycnn {

/// rate(step) = base, torch.optim with no scheduler.
struct Constant {
  double base = 1e-3;
  [[nodiscard]] constexpr double rate(std::int64_t) const { return base; }
};

}  // namespace tinycnn
