// Loss and accuracy of an epoch.
#pragma once

#include <cstdint>

namespace tinycnn {

/// Accumulates the results of an epoch's batches. `loss` and `accuracy` are means over images. Programs that average
/// what they print per batch have `batch_mean_accuracy` instead, in which a smaller last batch has the weight of a full
/// one.
struct EpochTotals {
  std::int64_t images = 0;
  std::int64_t batches = 0;
  std::int64_t correct = 0;
  double loss_sum = 0;
  double batch_accuracy_sum = 0;

  void add(double batch_loss_sum, int batch_correct, int n) {
    images += n;
    ++batches;
    correct += batch_correct;
    loss_sum += batch_loss_sum;
    batch_accuracy_sum += double(batch_correct) / n;
  }
  [[nodiscard]] double loss() const { return images == 0 ? 0 : loss_sum / double(images); }
  [[nodiscard]] double accuracy() const { return images == 0 ? 0 : double(correct) / double(images); }
  [[nodiscard]] double batch_mean_accuracy() const { return batches == 0 ? 0 : batch_accuracy_sum / double(batches); }
};

}  // namespace tinycnn
