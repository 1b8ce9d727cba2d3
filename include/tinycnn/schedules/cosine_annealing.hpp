// CosineAnnealing: decays from the base rate to a minimum along half a cosine (Loshchilov & Hutter 2017).
#pragma once

#include <cmath>
#include <cstdint>

namespace tinycnn {

/// torch.optim.lr_scheduler.CosineAnnealingLR in closed form:
/// rate(step) = minimum + (base - minimum) (1 + cos(pi step / steps)) / 2, step counted from 0. After `steps` it rises
/// again, as in PyTorch.
struct CosineAnnealing {
  double base = 1e-3;
  std::int64_t steps = 1;
  double minimum = 0;
  [[nodiscard]] double rate(std::int64_t step) const {
    return minimum + (base - minimum) * (1 + std::cos(3.14159265358979323846 * double(step) / double(steps))) / 2;
  }
};

}  // namespace tinycnn
