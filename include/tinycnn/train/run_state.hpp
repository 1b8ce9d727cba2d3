// Where a run stands: with the Trainer's state and the settings, this determines the rest of it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include <tinycnn/train/checkpoint.hpp>
#include <tinycnn/train/early_stopping.hpp>
#include <tinycnn/train/epoch_totals.hpp>

namespace tinycnn {

/// The progress of a run, saved as notes of its checkpoint.
struct RunState {
  int epoch = 1;         ///< the current epoch
  EpochTotals training;  ///< of this epoch so far; training.images is the position in its order
  double rate = 0;       ///< the learning rate of the last step
  EarlyStopping stopping;
  bool stopped = false;  ///< a callback has ended the run

  [[gnu::cold]] void add_to(Notes& notes) const {
    notes.add("epoch", std::int64_t{epoch});
    notes.add("images", training.images);
    notes.add("batches", training.batches);
    notes.add("hits", training.correct);
    notes.add("loss_sum", training.loss_sum);
    notes.add("batch_accuracies", training.batch_accuracy_sum);
    notes.add("rate", rate);
    notes.add("best", stopping.best);
    notes.add("stale", std::int64_t{stopping.stale});
    if (stopped) notes.add("stopped", "1");
  }

  /// The state in the notes of the checkpoint at `path`. Throws an Error if a note is missing or out of range.
  [[gnu::cold]] static RunState from(const Notes& notes, const std::string& path) {
    constexpr std::int64_t most = std::int64_t{1} << 40;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    RunState state;
    state.epoch = int(notes.number<std::int64_t>("epoch", path, 1, 1 << 30));
    state.training.images = notes.number<std::int64_t>("images", path, 0, most);
    state.training.batches = notes.number<std::int64_t>("batches", path, 0, most);
    state.training.correct = notes.number<std::int64_t>("hits", path, 0, most);
    state.training.loss_sum = notes.number<double>("loss_sum", path, -1e300, 1e300);
    state.training.batch_accuracy_sum = notes.number<double>("batch_accuracies", path, 0, 1e300);
    state.rate = notes.number<double>("rate", path, 0, 1e300);
    state.stopping.best = notes.number<double>("best", path, -infinity, infinity);
    state.stopping.stale = int(notes.number<std::int64_t>("stale", path, 0, 1 << 30));
    state.stopped = notes.find("stopped") != nullptr;
    return state;
  }
};

}  // namespace tinycnn
