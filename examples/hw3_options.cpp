// hw3's command line, with CLI11, and its generated photographs.
#include "hw3_options.hpp"

#include <CLI/CLI.hpp>
#include <tinycnn/core/processors.hpp>
#include <tinycnn/data/synthetic.hpp>

#include <cmath>
#include <cstdlib>

Hw3Options parse_hw3_options(int argc, char** argv) {
  Hw3Options o;
  o.threads = tinycnn::usable_processors();

  CLI::App app{
      "Homework 3: classifies food photographs with a convolutional network. Trains on train/, chooses the best\n"
      "epoch on valid/, predicts test/.",
      "hw3"};
  app.option_defaults()->always_capture_default();
  app.footer(
      "In --out: best.safetensors (the best epoch's weights, PyTorch's names), last.ckpt (to go on from), train.log,\n"
      "history.csv (epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds), steps.csv (step,loss,grad_norm,lr),\n"
      "submission.csv (Id,Category), logits.npy (float32, a row for each row of submission.csv) and *.pixels (the\n"
      "pictures, decoded; may be deleted). Exit status: 0; 2 where the command line is wrong; 1 for everything else,\n"
      "with a sentence on stderr.");
  const auto finite = CLI::Validator(
      [](const std::string& text) {
        double number = 0;
        const bool fine = CLI::detail::lexical_cast(text, number) && std::isfinite(number);
        return fine ? std::string() : "'" + text + "' is not a finite number";
      },
      "");
  app.add_option("--data", o.data,
                 "folder with train/ valid/ test/ (or training/ validation/ evaluation/); "
                 "default: ./hw3_data where it exists, else a generated set")
      ->check(CLI::ExistingDirectory);
  app.add_option("--out", o.out, "folder for everything the run writes; one that holds a run needs --resume");
  app.add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000));
  app.add_option("--lr", o.lr, "learning rate")->check(finite)->check(CLI::PositiveNumber);
  app.add_option("--weight-decay", o.weight_decay, "L2 in the gradient")->check(finite)->check(CLI::NonNegativeNumber);
  app.add_option("--clip", o.clip, "largest norm of all gradients, 0: none")
      ->check(finite)
      ->check(CLI::NonNegativeNumber);
  app.add_option("--patience", o.patience, "stop when more than so many epochs brought nothing better")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--seed", o.seed, "of the first weights and the order")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool fine = !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == text.npos;
            return fine ? std::string() : "'" + text + "' is not a whole number from 0 to 10^19 - 1";
          },
          ""));
  app.add_option("--threads", o.threads)->check(CLI::Range(1, 1024));
  app.add_option("--order", o.order, "of the training pictures: shuffled, sorted, or a file of their names, one a line")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool fine = text == "shuffled" || text == "sorted" || tinycnn::path_exists(text);
            return fine ? std::string() : "'" + text + "' is neither shuffled nor sorted nor a file";
          },
          "{shuffled,sorted,FILE}"));
  CLI::Option* init = app.add_option("--init", o.init, "safetensors file to start from")->check(CLI::ExistingFile);
  CLI::Option* resume = app.add_flag("--resume", o.resume, "go on with the run in --out, with its flags");
  app.add_option("--checkpoint-every", o.checkpoint_every,
                 "steps between two checkpoints, beside those after each epoch")
      ->check(CLI::Range(0L, 1L << 40));
  app.add_option("--predict-only", o.predict_only, "safetensors file to predict test/ with; nothing is trained")
      ->check(CLI::ExistingFile)
      ->excludes(resume)
      ->excludes(init);
  app.add_option("--max-steps", o.max_steps, "stop training after so many steps in all, 0: no limit")
      ->check(CLI::Range(0L, 1L << 40));
  app.add_option("--bad-images", o.bad_images, "where pictures are damaged: stop before training, or skip them")
      ->check(CLI::IsMember({"stop", "skip"}));
  app.add_flag("--quiet", o.quiet, "say nothing but errors; train.log is written all the same");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    std::exit(code == 0 ? 0 : 2);
  }
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0) o.given.push_back(option->get_name());
  return o;
}

std::string hw3_data_folder(const Hw3Options& options, int classes) {
  if (!options.data.empty()) return options.data;
  if (tinycnn::is_directory("hw3_data")) return "hw3_data";
  if (classes != tinycnn::synthetic_classes)
    throw tinycnn::Error({"there is neither --data nor ./hw3_data, and the photographs that hw3 can generate have ",
                          tinycnn::synthetic_classes, " classes, its network ", classes,
                          ": give photographs with --data"});
  const std::string folder = options.out + "/generated_data";
  if (tinycnn::make_synthetic(folder) && !options.quiet)
    std::printf("No --data and no ./hw3_data: generated photographs in %s\n", folder.c_str());
  return folder;
}
