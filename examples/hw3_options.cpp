// hw3's command line, parsed with CLI11, and its generated data set.
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
      "Homework 3: classifies food photographs with a convolutional network. Trains on train/, selects the best\n"
      "epoch by its accuracy on valid/, and predicts test/.",
      "hw3"};
  app.option_defaults()->always_capture_default();
  app.footer(
      "Files in --out: best.safetensors (weights of the best epoch, PyTorch's names), last.ckpt (for --resume),\n"
      "train.log, history.csv (epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds), steps.csv\n"
      "(step,loss,grad_norm,lr), submission.csv (Id,Category), logits.npy (float32, one row per row of "
      "submission.csv)\n"
      "and *.pixels (a cache of decoded pictures; may be deleted). Exit status: 0 on success, 2 if the command line "
      "is\n"
      "wrong, 1 for any other error, with a message on stderr.");
  const auto finite = CLI::Validator(
      [](const std::string& text) {
        double number = 0;
        const bool fine = CLI::detail::lexical_cast(text, number) && std::isfinite(number);
        return fine ? std::string() : "'" + text + "' is not a finite number";
      },
      "");
  app.add_option("--data", o.data,
                 "folder with train/ valid/ test/ (or training/ validation/ evaluation/); "
                 "default: ./hw3_data if it exists, else a generated set")
      ->check(CLI::ExistingDirectory);
  app.add_option("--out", o.out, "folder for the output; if it holds a run already, --resume is required");
  app.add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000));
  app.add_option("--lr", o.lr, "learning rate")->check(finite)->check(CLI::PositiveNumber);
  app.add_option("--weight-decay", o.weight_decay, "L2 weight decay")->check(finite)->check(CLI::NonNegativeNumber);
  app.add_option("--clip", o.clip, "clip the global norm of the gradients to this value, 0: no clipping")
      ->check(finite)
      ->check(CLI::NonNegativeNumber);
  app.add_option("--patience", o.patience, "stop after more than this many epochs without improvement")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--seed", o.seed, "seed for the initial weights and the order of pictures")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool fine = !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == text.npos;
            return fine ? std::string() : "'" + text + "' is not a whole number from 0 to 10^19 - 1";
          },
          ""));
  app.add_option("--threads", o.threads)->check(CLI::Range(1, 1024));
  app.add_option("--order", o.order,
                 "order of the training pictures: shuffled, sorted, or a file with one name per line")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool fine = text == "shuffled" || text == "sorted" || tinycnn::path_exists(text);
            return fine ? std::string() : "'" + text + "' is neither shuffled nor sorted nor a file";
          },
          "{shuffled,sorted,FILE}"));
  CLI::Option* init =
      app.add_option("--init", o.init, "safetensors file with the initial weights")->check(CLI::ExistingFile);
  CLI::Option* resume = app.add_flag("--resume", o.resume, "continue the run in --out, with its flags");
  app.add_option("--checkpoint-every", o.checkpoint_every,
                 "steps between checkpoints, in addition to those after each epoch")
      ->check(CLI::Range(0L, 1L << 40));
  app.add_option("--predict-only", o.predict_only,
                 "predict test/ with the weights of this safetensors file, without training")
      ->check(CLI::ExistingFile)
      ->excludes(resume)
      ->excludes(init);
  app.add_option("--max-steps", o.max_steps, "stop training after this many steps in total, 0: no limit")
      ->check(CLI::Range(0L, 1L << 40));
  app.add_option("--bad-images", o.bad_images, "what to do about damaged pictures: stop before training, or skip them")
      ->check(CLI::IsMember({"stop", "skip"}));
  app.add_flag("--quiet", o.quiet, "print errors only; train.log is still written");
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
  if (classes != tinycnn::synthetic_textures)
    throw tinycnn::Error({"there is neither --data nor ./hw3_data, and the pictures that hw3 can generate have ",
                          tinycnn::synthetic_textures, " classes, its network ", classes,
                          ": use --data to give a folder of pictures"});
  const std::string folder = options.out + "/generated_data";
  if (tinycnn::make_synthetic(folder, {.answers = hw3_submission}) && !options.quiet)
    std::printf("No --data and no ./hw3_data: generated photographs in %s\n", folder.c_str());
  return folder;
}
