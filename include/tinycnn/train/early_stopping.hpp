// Early stopping: keeps the best accuracy so far and counts the epochs since then.
#pragma once

namespace tinycnn {

/// The rule of the course's program: `stale` counts the epochs without improvement, and the run stops when
/// `stale > patience`, one epoch later than `patience` suggests. The first epoch always counts as an improvement.
struct EarlyStopping {
  int patience = 5;
  double best = -1;
  int stale = 0;

  /// Records the accuracy of an epoch; returns whether it is the best so far.
  bool improved(double accuracy) {
    if (accuracy > best) {
      best = accuracy;
      stale = 0;
      return true;
    }
    ++stale;
    return false;
  }
  [[nodiscard]] bool stop() const { return stale > patience; }
};

}  // namespace tinycnn
