// What hw3's flags mean for its run and its pictures.
#include "hw3_run.hpp"

using namespace tinycnn;

Run open_run(Hw3Options& o) {
  Settings settings(o.given);
  settings.fixed("--lr", o.lr)
      .fixed("--weight-decay", o.weight_decay)
      .fixed("--clip", o.clip)
      .fixed("--patience", o.patience)
      .fixed("--seed", o.seed)
      .fixed("--order", o.order)
      .fixed("--init", o.init)
      .fixed("--bad-images", o.bad_images);
  settings.kept("--data", o.data)
      .kept("--epochs", o.epochs)
      .kept("--checkpoint-every", o.checkpoint_every)
      .kept("--max-steps", o.max_steps);
  return Run({.folder = o.out, .resume = o.resume, .quiet = o.quiet, .results = {"submission.csv", "logits.npy"}},
             settings);
}

void check_no_prediction(const RunFolder& folder) {
  for (const char* name : {"submission.csv", "logits.npy"})
    if (path_exists(folder.file(name)))
      throw Error({"'", folder.path(), "' holds a prediction already (", name, "); ", folder.another()});
}

PictureSet pictures(const std::string& data, Split split, int classes, const Hw3Options& options) {
  ImageFolder folder = list_split(data, split);
  if (split != Split::test) check_labels(folder, classes);
  const bool from_file = options.order != "shuffled" && options.order != "sorted";
  if (split == Split::train && from_file) folder = reorder(folder, options.order);
  const std::string name = split == Split::train ? "train" : split == Split::valid ? "valid" : "test";
  const int threads = options.threads < 4 ? options.threads : 4;  // decoding is a small part of the work
  return PictureSet(name, std::move(folder), Dims{3, 128, 128}, 64, threads, options.out + "/" + name + ".pixels");
}

void check_pictures(Log& log, std::initializer_list<PictureSet*> sets, const Hw3Options& options) {
  drop_damaged(sets, options.bad_images == "skip", "skip them with --bad-images skip");
  for (PictureSet* set : sets) {
    if (set->skipped() > 0)
      log.line("%" PRId64 " damaged pictures of %s are skipped", set->skipped(), set->name().c_str());
    if (const std::string fault = set->loader.take_cache_fault(); !fault.empty()) log.line("%s", fault.c_str());
  }
}

void check_pictures(PictureSet& set, const Hw3Options& options) {
  drop_damaged({&set}, options.bad_images == "skip", "skip them with --bad-images skip");
}

void write_results(const Predictions& predictions, const PictureSet& pictures, const Hw3Options& options) {
  write_npy(options.out + "/logits.npy", predictions.logits.data(), predictions.size(), predictions.classes);
  write_predictions(options.out + "/submission.csv", pictures.paths(), predictions.categories, hw3_submission);
}

std::string with_batch_mean(const EpochTotals& totals) {
  char text[64];
  std::snprintf(text, sizeof text, " (mean of batches %.5f)", totals.batch_mean_accuracy());
  return loss_and_accuracy(totals) + text;
}

void log_model(Log& log, const Graph& network, std::string_view backend, int images, std::int64_t arena_bytes,
               std::int64_t workspace_bytes, int threads) {
  constexpr double mb = 1e6;
  log.line("%s", summary(network).c_str());
  log.line("%" PRId64 " parameters, %.2f MMAC an image; %s, %d threads", network.trained, double(network.macs) / 1e6,
           std::string(backend).c_str(), threads);
  log.line(
      "memory for %d images: %.0f MB activations and their gradients, %.0f MB workspace, %.0f MB parameters, "
      "gradients and Adam's moments",
      images, double(arena_bytes) / mb, double(workspace_bytes) / mb, 4 * double(network.trained) * sizeof(float) / mb);
}
