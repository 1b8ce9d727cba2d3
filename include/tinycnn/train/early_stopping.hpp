// Early stopping: keeps the best accuracy seen and counts the epochs since.
#pragma once

namespace tinycnn {

/// The rule of the course's program: an epoch that is not better makes the run one epoch staler, and `stale > patience`
/// stops it, one epoch later than `patience` suggests. The first epoch always counts as better.
struct EarlyStopping {
  int patience = 5;
  double best = -1;
  int stale = 0;

  /// Whether `accuracy` is the best so far.
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
