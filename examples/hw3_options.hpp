// The command line of hw3 and the location of its data, in a separate file because their headers are slow to compile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tinycnn/report/predictions_csv.hpp>

/// The columns that the course's Kaggle page prescribes.
inline constexpr tinycnn::PredictionsFormat hw3_submission{.id = "Id", .category = "Category", .id_width = 4};

struct Hw3Options {
  std::string data;  // empty: ./hw3_data if it exists, else a generated set
  std::string out = "runs/hw3";
  int epochs = 8;
  double lr = 3e-4;
  double weight_decay = 1e-5;
  double clip = 10;
  int patience = 5;
  std::uint64_t seed = 6666;
  int threads = 1;  // default of the command line: all processors
  std::string order = "shuffled";
  std::string init;  // empty: random weights
  bool resume = false;
  long checkpoint_every = 0;  // steps; 0: at the end of each epoch
  std::string predict_only;   // weights to predict with; empty: train
  long max_steps = 0;         // 0: no limit
  std::string bad_images = "stop";
  bool quiet = false;

  std::vector<std::string> given;  // the flags on the command line
  [[nodiscard]] bool was_given(const std::string& flag) const {
    for (const std::string& each : given)
      if (each == flag) return true;
    return false;
  }
};

/// Parses the command line. Exits with a message on stderr and code 2 if it is wrong, and with code 0 after --help.
Hw3Options parse_hw3_options(int argc, char** argv);

/// The folder of --data, else ./hw3_data, else a generated data set in the folder of the run. Throws an Error if the
/// generated set would have another number of classes.
std::string hw3_data_folder(const Hw3Options& options, int classes);
