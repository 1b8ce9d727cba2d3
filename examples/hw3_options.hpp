// The command line of hw3, and the pictures it asks for; in a file of their own, so that their headers do not weigh on
// the program.
#pragma once

#include <cstdint>
#include <string>

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
  std::string init;    // empty: drawn from the seed
  long max_steps = 0;  // 0: no limit
};

/// Exits with a sentence on stderr where the command line is wrong (code 2), and after --help (code 0).
Hw3Options parse_hw3_options(int argc, char** argv);

/// The folder given, ./hw3_data, or a set of generated photographs made once beside the run.
std::string hw3_data_folder(const Hw3Options& options);
