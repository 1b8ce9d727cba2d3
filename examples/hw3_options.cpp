// hw3's command line, with CLI11, and its generated photographs.
#include "hw3_options.hpp"

#include <CLI/CLI.hpp>
#include <tinycnn/core/processors.hpp>
#include <tinycnn/data/synthetic.hpp>

#include <cstdlib>

Hw3Options parse_hw3_options(int argc, char** argv) {
  Hw3Options o;
  o.threads = tinycnn::usable_processors();

  CLI::App app{"Homework 3: classifies food photographs with a convolutional network."};
  app.option_defaults()->always_capture_default();
  app.add_option("--data", o.data,
                 "folder with train/ valid/ test/ (or training/ validation/ evaluation/); "
                 "default: ./hw3_data where it exists, else a generated set");
  app.add_option("--out", o.out, "folder for everything the run writes");
  app.add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000));
  app.add_option("--lr", o.lr, "learning rate")->check(CLI::PositiveNumber);
  app.add_option("--weight-decay", o.weight_decay, "L2 in the gradient")->check(CLI::NonNegativeNumber);
  app.add_option("--clip", o.clip, "largest norm of all gradients, 0: none")->check(CLI::NonNegativeNumber);
  app.add_option("--patience", o.patience, "stop when more than so many epochs brought nothing better")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", o.seed, "of the first weights and the order");
  app.add_option("--threads", o.threads)->check(CLI::Range(1, 1024));
  app.add_option("--order", o.order,
                 "shuffled, sorted, or a file of training file names, one a line, used in that order");
  app.add_option("--init", o.init, "safetensors file to start from")->check(CLI::ExistingFile);
  app.add_option("--max-steps", o.max_steps, "stop training after so many steps, 0: no limit")
      ->check(CLI::NonNegativeNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    std::exit(code == 0 ? 0 : 2);
  }
  return o;
}

std::string hw3_data_folder(const Hw3Options& options) {
  if (!options.data.empty()) return options.data;
  if (tinycnn::is_directory("hw3_data")) return "hw3_data";
  const std::string folder = options.out + "/generated_data";
  if (tinycnn::make_synthetic(folder))
    std::printf("No --data and no ./hw3_data: generated photographs in %s\n", folder.c_str());
  return folder;
}
