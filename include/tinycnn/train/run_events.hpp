// What a run tells its callbacks.
#pragma once

#include <cstdint>
#include <limits>

#include <tinycnn/core/callback.hpp>
#include <tinycnn/train/checkpoint.hpp>
#include <tinycnn/train/epoch_totals.hpp>

namespace tinycnn {

/// A training step that was made.
struct StepEvent {
  std::int64_t step = 0;  ///< from 1 on, over all epochs
  int epoch = 0;          ///< from 1 on
  int n = 0;              ///< the samples of the batch
  double loss = 0;        ///< their mean
  int correct = 0;
  double grad_norm = 0;
  double rate = 0;
  EpochTotals training;  ///< of the epoch so far
};

/// An epoch that was trained and evaluated.
struct EpochEvent {
  int epoch = 0;  ///< from 1 on
  EpochTotals training, validation;
  double rate = 0;     ///< the learning rate of the last step
  double seconds = 0;  ///< since the epoch was begun or resumed
  double score = 0;    ///< what the epochs are compared by
  bool best = false;   ///< the best so far
};

/// Callables that a run calls. A run that was killed repeats the steps since its checkpoint, and their callbacks; what
/// a callback remembers must be saved in `save` and read in `resume`.
struct Callbacks {
  Callback<const StepEvent&> after_step{};
  Callback<const EpochEvent&> new_best{};     ///< the weights are in best.safetensors
  Callback<const EpochEvent&> after_epoch{};  ///< before the checkpoint of the epoch is written
  Callback<Notes&> save{};                    ///< adds notes to each checkpoint
  Callback<const Notes&> resume{};            ///< gets all notes of the checkpoint that the run resumes from
};

/// How epochs are compared: a score, the larger the better, and a value below every score.
struct Score {
  double (*of)(const EpochEvent&);
  double worst = -std::numeric_limits<double>::infinity();
};
inline constexpr Score by_accuracy{[](const EpochEvent& epoch) { return epoch.validation.accuracy(); }, -1};
inline constexpr Score by_loss{[](const EpochEvent& epoch) { return -epoch.validation.loss(); }};

}  // namespace tinycnn
