// What hw3 remembers between two starts, and the pictures it works on; in a file of their own, so that hw3.cpp reads
// like the course's program.
#pragma once

#include <tinycnn/tinycnn.hpp>

#include "hw3_options.hpp"

inline constexpr int hw3_batch_size = 64;

/// Where a run stands. With the network's checkpoint and the flags, it is all that shapes what comes.
struct Hw3Progress {
  int epoch = 1;               // the one under way
  tinycnn::EpochTotals train;  // of that epoch so far; train.images is the position in its order
  double rate = 0;             // of the last step
  tinycnn::EarlyStopping stopping;
};

/// One split: its folder, a loader, and which pictures are not damaged.
struct Hw3Pictures {
  Hw3Pictures(const std::string& name, tinycnn::ImageFolder&& list, const Hw3Options& options);

  /// Positions in the folder, to be visited in epoch `epoch` as --order says; all others in their sorted order.
  [[nodiscard]] std::vector<int> training_order(const Hw3Options& options, int epoch) const;
  [[nodiscard]] std::vector<std::string> usable_paths() const;

  const std::string name;
  const tinycnn::ImageFolder folder;
  tinycnn::Loader loader;
  std::vector<int> usable;
};

/// Decodes every picture once and lists the damaged ones on stderr. An Error where there are some and --bad-images is
/// stop, or a split has no other; with skip, `usable` leaves them out.
void check_pictures(const std::vector<Hw3Pictures*>& splits, const Hw3Options& options);

/// With --resume, takes the flags that were not given and the progress from the folder's checkpoint, and returns true
/// if there is one; a flag that shapes the weights and was given otherwise is an Error. Without --resume, a folder that
/// holds a run is one.
bool resume_run(Hw3Options& options, Hw3Progress& progress);

/// What a checkpoint must say of this run.
tinycnn::Notes notes_of(const Hw3Options& options, const Hw3Progress& progress, const Hw3Pictures& train,
                        const Hw3Pictures& valid);

/// An Error if the checkpoint was made with other pictures.
void check_same_pictures(const Hw3Options& options, const Hw3Pictures& train, const Hw3Pictures& valid);
