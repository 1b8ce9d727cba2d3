// The state of a run of hw3 between two starts, and its data sets, in a separate file so that hw3.cpp reads like the
// course's program.
#pragma once

#include <tinycnn/tinycnn.hpp>

#include "hw3_options.hpp"

inline constexpr int hw3_batch_size = 64;

/// The progress of a run. Together with the Trainer's state and the flags it determines the rest of the run.
struct Hw3Progress {
  int epoch = 1;               // the current epoch
  tinycnn::EpochTotals train;  // of this epoch so far; train.images is the position in its order
  double rate = 0;             // the learning rate of the last step
  tinycnn::EarlyStopping stopping;
};

/// One split of the data set: its folder, a loader, and the indices of the pictures that are not damaged.
struct Hw3Pictures {
  Hw3Pictures(const std::string& name, tinycnn::ImageFolder&& list, const Hw3Options& options);

  /// The indices of the usable pictures in the order for training epoch `epoch`, according to --order.
  [[nodiscard]] std::vector<int> training_order(const Hw3Options& options, int epoch) const;
  [[nodiscard]] std::vector<std::string> usable_paths() const;

  const std::string name;
  const tinycnn::ImageFolder folder;
  tinycnn::Loader loader;
  std::vector<int> usable;
};

/// Decodes all pictures once, lists the damaged ones on stderr and removes them from `usable`. Throws an Error if there
/// are any and --bad-images is stop, or if all pictures of a split are damaged.
void check_pictures(const std::vector<Hw3Pictures*>& splits, const Hw3Options& options);

/// With --resume, reads the progress and the flags that were not given from the folder's checkpoint, and returns true
/// if there is one. Throws an Error if a given flag differs from the checkpoint's and would change the weights. Without
/// a checkpoint to resume from, throws an Error if the folder holds a run, else returns false.
bool resume_run(Hw3Options& options, Hw3Progress& progress);

/// The notes for a checkpoint of this run.
tinycnn::Notes notes_of(const Hw3Options& options, const Hw3Progress& progress, const Hw3Pictures& train,
                        const Hw3Pictures& valid);

/// Throws an Error if the checkpoint was made with other pictures.
void check_same_pictures(const Hw3Options& options, const Hw3Pictures& train, const Hw3Pictures& valid);
