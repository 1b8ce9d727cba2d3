// Homework 3: image classification of food photographs, 128 x 128 RGB. The course's program, line by line.
#include <tinycnn/tinycnn.hpp>

#include "hw3_options.hpp"
#include "hw3_run.hpp"
#include "networks/hw3_classifier.hpp"

using namespace tinycnn;

using Model =
    Trainer<networks::Classifier, Image<3, 128, 128>, Batch<hw3_batch_size>, CrossEntropy, Adam, Constant, Cpu<>>;
constexpr int classes = Model::classes;

[[gnu::cold]] Model make_model(const Hw3Options& options) {
  return Model({.optimizer = {.weight_decay = options.weight_decay},
                .schedule = {options.lr},
                .clip_norm = options.clip,
                .seed = options.seed,
                .threads = options.threads});
}

/// Predicts the test pictures; writes the logits and, as categories, their argmax.
[[gnu::cold]] void predict(Model& model, Hw3Pictures& test, const Hw3Options& options) {
  test.loader.begin_epoch(test.usable);
  std::vector<float> logits(test.usable.size() * classes);  // (N, classes)
  std::vector<int> categories;
  for (Minibatch batch; test.loader.next(batch);) {
    float* rows = logits.data() + categories.size() * classes;
    model.predict(batch.images, batch.n, rows);
    for (int n = 0; n < batch.n; ++n) categories.push_back(argmax(rows + n * classes, classes));
  }
  write_npy(joined({options.out, "/logits.npy"}), logits.data(), long(categories.size()), classes);
  write_submission(joined({options.out, "/submission.csv"}), test.usable_paths(), categories);
}

/// Logs the network and the memory that it needs.
[[gnu::cold]] void log_model(Log& log, const Hw3Options& options) {
  constexpr double mb = 1e6, parameters_mb = double(Model::parameters) * sizeof(float) / mb;
  log.line("%s", summary(Model::graph).c_str());
  log.line("%ld parameters, %.2f MMAC an image; %s, %d threads", Model::parameters, double(Model::macs) / 1e6,
           Model::backend_name.data(), options.threads);
  log.line(
      "memory for %d images: %.0f MB activations and their gradients, %.0f MB workspace, %.0f MB parameters, "
      "gradients and Adam's moments",
      hw3_batch_size, double(Model::arena_bytes) / mb, double(Model::workspace_bytes) / mb, 4 * parameters_mb);
}

[[gnu::cold]] void train(Hw3Options options) {
  make_directories(options.out);
  const FolderLock lock(options.out);
  Hw3Progress progress;
  const bool resumed = resume_run(options, progress);
  if (!resumed) write_file(joined({options.out, "/train.log"}), "");
  Log log(joined({options.out, "/train.log"}), options.quiet);
  log_model(log, options);

  // ---------- Pictures ----------
  const std::string data = hw3_data_folder(options, classes);
  ImageFolder train_list = list_split(data, Split::train), valid_list = list_split(data, Split::valid);
  check_labels(train_list, classes);
  check_labels(valid_list, classes);
  if (options.order != "shuffled" && options.order != "sorted") train_list = reorder(train_list, options.order);
  Hw3Pictures train_set("train", std::move(train_list), options), valid_set("valid", std::move(valid_list), options),
      test_set("test", list_split(data, Split::test), options);
  log.line("%ld train, %ld valid, %ld test pictures from %s", train_set.folder.size(), valid_set.folder.size(),
           test_set.folder.size(), data.c_str());
  check_pictures({&train_set, &valid_set, &test_set}, options);
  for (Hw3Pictures* split : {&train_set, &valid_set, &test_set}) {
    if (const long skipped = split->folder.size() - long(split->usable.size()); skipped > 0)
      log.line("%ld damaged pictures of %s are skipped", skipped, split->name.c_str());
    if (const std::string fault = split->loader.take_cache_fault(); !fault.empty()) log.line("%s", fault.c_str());
  }

  // ---------- Model, files, checkpoint ----------
  const std::string best_path = joined({options.out, "/best.safetensors"});
  const std::string checkpoint_path = joined({options.out, "/last.ckpt"});
  const std::string steps_path = joined({options.out, "/steps.csv"}),
                    history_path = joined({options.out, "/history.csv"});
  constexpr const char* steps_header = "step,loss,grad_norm,lr";
  constexpr const char* history_header = "epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds";
  Model model = make_model(options);
  if (resumed) {
    check_same_pictures(options, train_set, valid_set);
    model.load_checkpoint(checkpoint_path);
    log.line("Resumed in epoch %d, after step %ld", progress.epoch, model.steps());
  } else if (!options.init.empty()) {
    model.load(options.init);
  }
  CsvWriter steps =
      resumed ? CsvWriter::resume(steps_path, steps_header, model.steps()) : CsvWriter(steps_path, steps_header);
  CsvWriter history = resumed ? CsvWriter::resume(history_path, history_header, progress.epoch - 1)
                              : CsvWriter(history_path, history_header);
  const InterruptFlag interrupt;
  const auto save = [&] {
    steps.sync();
    history.sync();
    model.save_checkpoint(checkpoint_path, notes_of(options, progress, train_set, valid_set));
  };
  const auto stop_if_interrupted = [&] {
    if (!interrupt.requested()) return;
    save();
    throw Error(
        {"interrupted after step ", model.steps(), ", which is saved; continue with --resume --out ", options.out});
  };
  if (!resumed) save();

  const auto in_time = [&] { return options.max_steps == 0 || model.steps() < options.max_steps; };
  while (progress.epoch <= options.epochs && !progress.stopping.stop() && (in_time() || progress.train.images > 0)) {
    const double start = seconds_now();
    const int epoch = progress.epoch;

    // ---------- Training ----------
    EpochTotals& training = progress.train;
    {
      std::vector<int> order = train_set.training_order(options, epoch);
      order.erase(order.begin(),
                  order.begin() + std::min(training.images, long(order.size())));  // processed before the interruption
      train_set.loader.begin_epoch(order);
      Progress bar("train", train_set.loader.batches(), options.quiet);
      for (Minibatch batch; in_time() && train_set.loader.next(batch);) {
        const StepResult r = model.step(batch);  // forward, loss, backward, clip_grad_norm_, optimizer.step
        training.add(r.loss * batch.n, r.correct, batch.n);
        progress.rate = r.rate;
        steps.line(model.steps(), float(r.loss), float(r.grad_norm), r.rate);
        bar.step(batch.n, training.loss(), training.accuracy());
        stop_if_interrupted();
        if (options.checkpoint_every > 0 && model.steps() % options.checkpoint_every == 0) save();
      }
    }
    log.line("[ Train | %03d/%03d ] loss = %.5f, acc = %.5f (mean of batches %.5f)", epoch, options.epochs,
             training.loss(), training.accuracy(), training.batch_mean_accuracy());

    // ---------- Validation ----------
    EpochTotals validation;
    {
      valid_set.loader.begin_epoch(valid_set.usable);
      Progress bar("valid", valid_set.loader.batches(), options.quiet);
      for (Minibatch batch; valid_set.loader.next(batch);) {
        const EvaluationResult r = model.evaluate(batch);
        validation.add(r.loss_sum, r.correct, batch.n);
        bar.step(batch.n, validation.loss(), validation.accuracy());
        stop_if_interrupted();
      }
    }
    const bool best = progress.stopping.improved(validation.accuracy());
    log.line("[ Valid | %03d/%03d ] loss = %.5f, acc = %.5f (mean of batches %.5f)%s", epoch, options.epochs,
             validation.loss(), validation.accuracy(), validation.batch_mean_accuracy(), best ? " -> best" : "");
    if (best) model.save(best_path);
    history.line(epoch, training.loss(), training.accuracy(), validation.loss(), validation.accuracy(), progress.rate,
                 seconds_now() - start);
    ++progress.epoch;
    training = {};
    save();
    stop_if_interrupted();
  }
  if (progress.stopping.stop()) log.line("No improvement in %d epochs, early stopping", progress.stopping.stale);

  // ---------- Testing and generating the prediction ----------
  model.load(best_path);
  predict(model, test_set, options);
  log.line("Best validation accuracy %.5f; best.safetensors, submission.csv and logits.npy are in %s",
           progress.stopping.best, options.out.c_str());
}

/// --predict-only: predicts the test pictures with weights from a file.
[[gnu::cold]] void predict_with_file(const Hw3Options& options) {
  make_directories(options.out);
  const FolderLock lock(options.out);
  for (const char* name : {"submission.csv", "logits.npy"})
    if (path_exists(joined({options.out, "/", name})))
      throw Error({"'", options.out, "' holds a prediction already (", name, "); choose another folder with --out"});
  Hw3Pictures test_set("test", list_split(hw3_data_folder(options, classes), Split::test), options);
  check_pictures({&test_set}, options);
  Model model = make_model(options);
  model.load(options.predict_only);
  predict(model, test_set, options);
  if (!options.quiet)
    std::printf("submission.csv and logits.npy of %zu pictures are in %s\n", test_set.usable.size(),
                options.out.c_str());
}

int main(int argc, char** argv) {
  const Hw3Options options = parse_hw3_options(argc, argv);
  try {
    options.predict_only.empty() ? train(options) : predict_with_file(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hw3: %s\n", error.what());
    return 1;
  }
}
