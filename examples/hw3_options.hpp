// The command line of hw3, and the pictures it asks for; in a file of their own, so that their headers do not weigh on
// the program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Hw3Options {
  std::string data;  // empty: ./hw3_data where it exists, else a generated set
  std::string out = "runs/hw3";
  int epochs = 8;
  double lr = 3e-4;
  double weight_decay = 1e-5;
  double clip = 10;
  int patience = 5;
  std::uint64_t seed = 6666;
  int threads = 1;  // default: every processor
  std::string order = "shuffled";
  std::string init;  // empty: drawn from the seed
  bool resume = false;
  long checkpoint_every = 0;  // steps; 0: at the end of each epoch
  std::string predict_only;   // weights to predict with; empty: train
  long max_steps = 0;         // 0: no limit
  std::string bad_images = "stop";
  bool quiet = false;

  std::vector<std::string> given;  // the flags that stood on the command line
  [[nodiscard]] bool was_given(const std::string& flag) const {
    for (const std::string& each : given)
      if (each == flag) return true;
    return false;
  }
};

/// Exits with a sentence on stderr where the command line is wrong (code 2), and after --help (code 0).
Hw3Options parse_hw3_options(int argc, char** argv);

/// The folder given, ./hw3_data, or a set of generated photographs made once beside the run; an Error where those have
/// another number of classes.
std::string hw3_data_folder(const Hw3Options& options, int classes);
