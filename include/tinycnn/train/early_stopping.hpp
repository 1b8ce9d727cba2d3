// Early stopping: keeps the best score so far and counts the epochs since then.
#pragma once

namespace tinycnn {

/// `stale` counts the epochs without improvement, and the run stops when `stale > patience`, one epoch later than
/// `patience` suggests. An epoch is an improvement if its score, by default its accuracy, exceeds the best one by more
/// than `min_gain`; the first epoch always is, as `best` begins below every accuracy.
struct EarlyStopping {
  int patience = 5;
  double min_gain = 0;
  double best = -1;
  int stale = 0;

  /// Records the score of an epoch; returns whether it is the best so far.
  bool improved(double score) {
    if (score > best + min_gain) {
      best = score;
      stale = 0;
      return true;
    }
    ++stale;
    return false;
  }
  [[nodiscard]] bool stop() const { return stale > patience; }
};

/// The patience of a run that no number of epochs without improvement stops.
inline constexpr EarlyStopping never_early = {.patience = 0x7fffffff};

}  // namespace tinycnn
