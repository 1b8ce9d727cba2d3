// ReduceLROnPlateau: a lower rate whenever a metric has stopped improving.
#pragma once

#include <cstdint>
#include <limits>

namespace tinycnn {

/// torch.optim.lr_scheduler.ReduceLROnPlateau. After each epoch, tell it the metric:
///   trainer.schedule().observe(valid_loss);
/// After more than `patience` observations in a row without an improvement, rate = max(rate factor, minimum).
/// PyTorch has a rate per parameter group; here `minimum` and `epsilon` refer to the rate before a group's factor.
struct ReduceLROnPlateau {
  enum class Threshold { relative, absolute };

  double base = 1e-3;
  double factor = 0.1;
  int patience = 10;
  double threshold = 1e-4;  ///< an improvement is a metric below best (1 - threshold), or below best - threshold
  Threshold threshold_mode = Threshold::relative;
  int cooldown = 0;       ///< observations after a reduction that do not count as without improvement
  double minimum = 0;     ///< PyTorch's min_lr
  double epsilon = 1e-8;  ///< a reduction by no more than this is not made
  bool maximize = false;  ///< the metric is to rise, such as an accuracy

  // The state, which a checkpoint stores.
  double current = base;
  double best = maximize ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  std::int64_t without_improvement = 0;
  std::int64_t cooldown_left = 0;

  [[nodiscard]] constexpr double rate(std::int64_t) const { return current; }

  /// Takes note of the metric of one epoch. NaN counts as no improvement.
  constexpr void observe(double metric) {
    if (improves(metric)) {
      best = metric;
      without_improvement = 0;
    } else {
      ++without_improvement;
    }
    if (cooldown_left > 0) {
      --cooldown_left;
      without_improvement = 0;
    }
    if (without_improvement <= patience) return;
    const double lower = current * factor > minimum ? current * factor : minimum;
    if (current - lower > epsilon) current = lower;
    cooldown_left = cooldown;
    without_improvement = 0;
  }

  /// Calls visit(name, value) for every part of the state.
  template <class Visit>
  constexpr void visit_state(Visit&& visit) {
    visit("current", current);
    visit("best", best);
    visit("without_improvement", without_improvement);
    visit("cooldown_left", cooldown_left);
  }

  /// Describes the first invalid option; null if all are valid.
  [[nodiscard]] constexpr const char* mistake() const {
    if (!(factor >= 0 && factor < 1)) return "ReduceLROnPlateau's factor must be 0 or more and below 1";
    if (patience < 0) return "ReduceLROnPlateau's patience must be 0 or more";
    if (cooldown < 0) return "ReduceLROnPlateau's cooldown must be 0 or more";
    if (!(minimum >= 0)) return "ReduceLROnPlateau's minimum must be 0 or more";
    if (threshold != threshold || epsilon != epsilon)
      return "ReduceLROnPlateau's threshold and epsilon must be numbers";
    return nullptr;
  }

 private:
  [[nodiscard]] constexpr bool improves(double metric) const {
    const bool relative = threshold_mode == Threshold::relative;
    if (maximize) return metric > (relative ? best * (threshold + 1) : best + threshold);
    return metric < (relative ? best * (1 - threshold) : best - threshold);
  }
};

}  // namespace tinycnn
