// An epoch's loss and accuracy over its images, and the course's mean of batch accuracies for comparison.
#pragma once

namespace tinycnn {

/// Adds up batches. `accuracy` is the true one, over images; the course prints `batch_mean_accuracy`, in which a short
/// last batch counts like a full one.
struct EpochTotals {
  long images = 0;
  long batches = 0;
  long hits = 0;
  double loss_sum = 0;
  double batch_accuracies = 0;

  void add(double batch_loss_sum, int correct, int n) {
    images += n;
    ++batches;
    hits += correct;
    loss_sum += batch_loss_sum;
    batch_accuracies += double(correct) / n;
  }
  [[nodiscard]] double loss() const { return images == 0 ? 0 : loss_sum / double(images); }
  [[nodiscard]] double accuracy() const { return images == 0 ? 0 : double(hits) / double(images); }
  [[nodiscard]] double batch_mean_accuracy() const { return batches == 0 ? 0 : batch_accuracies / double(batches); }
};

}  // namespace tinycnn
