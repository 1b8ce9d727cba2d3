// Homework 3: image classification of food photographs, 128 x 128 RGB, 11 classes. The course's program, line by line.
#include <tinycnn/tinycnn.hpp>

#include "hw3_options.hpp"
#include "networks/hw3_classifier.hpp"

using namespace tinycnn;

constexpr int batch_size = 64;

using Model = Trainer<networks::Classifier, Image<3, 128, 128>, Batch<batch_size>, CrossEntropy, Adam, Constant, Cpu<>>;
static_assert(Model::parameters == 12'833'803);
constexpr int classes = Model::classes;

/// Decoding is a small part of the work: few threads keep up with many that train.
int loader_threads(const Hw3Options& options) { return options.threads < 4 ? options.threads : 4; }

EpochTotals evaluate(Model& model, Loader& loader, int images) {
  EpochTotals totals;
  Progress progress("valid", loader.batches());
  loader.begin_epoch(sequential(images));
  for (Minibatch batch; loader.next(batch);) {
    const EvaluationResult r = model.evaluate(batch);
    totals.add(r.loss_sum, r.correct, batch.n);
    progress.step(batch.n, totals.loss(), totals.accuracy());
  }
  return totals;
}

/// Logits of every test picture, the largest of each as its category.
void predict(Model& model, const ImageFolder& test_set, const Hw3Options& options) {
  Loader test_loader(test_set, Model::graph.input, batch_size, loader_threads(options));
  test_loader.begin_epoch(sequential(int(test_set.size())));
  std::vector<float> logits(std::size_t(test_set.size() * classes));  // (N, classes)
  std::vector<int> categories;
  for (Minibatch batch; test_loader.next(batch);) {
    float* rows = logits.data() + categories.size() * classes;
    model.evaluate(batch.images, nullptr, batch.n, rows);
    for (int n = 0; n < batch.n; ++n) categories.push_back(argmax(rows + n * classes, classes));
  }
  write_npy(options.out + "/logits.npy", logits.data(), test_set.size(), classes);
  write_submission(options.out + "/submission.csv", test_set.paths, categories);
}

void run(const Hw3Options& options) {
  make_directories(options.out);
  Log log(options.out + "/train.log");
  const std::string data = hw3_data_folder(options);

  ImageFolder train_set = list_split(data, Split::train);
  const ImageFolder valid_set = list_split(data, Split::valid), test_set = list_split(data, Split::test);
  check_labels(train_set, classes);
  check_labels(valid_set, classes);
  if (options.order != "shuffled" && options.order != "sorted") train_set = reorder(train_set, options.order);
  Loader train_loader(train_set, Model::graph.input, batch_size, loader_threads(options),
                      options.out + "/train.pixels");
  Loader valid_loader(valid_set, Model::graph.input, batch_size, loader_threads(options),
                      options.out + "/valid.pixels");

  Model model({.optimizer = {.weight_decay = options.weight_decay},
               .schedule = {options.lr},
               .clip_norm = options.clip,
               .seed = options.seed,
               .threads = options.threads});
  if (!options.init.empty()) model.load(options.init);
  log.line("%ld parameters, %.2f MMAC an image, %.0f MB of activations for %d images; %s, %d threads",
           Model::parameters, double(Model::macs) / 1e6, double(Model::arena_bytes) / 1e6, batch_size,
           Model::backend_name.data(), options.threads);
  log.line("%ld train, %ld valid, %ld test pictures from %s", train_set.size(), valid_set.size(), test_set.size(),
           data.c_str());

  CsvWriter steps(options.out + "/steps.csv", "step,loss,grad_norm,lr");
  CsvWriter history(options.out + "/history.csv", "epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds");
  const std::string best_path = options.out + "/best.safetensors";
  EarlyStopping stopping{.patience = options.patience};

  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const double start = seconds_now();
    const auto in_time = [&] { return options.max_steps == 0 || model.steps() < options.max_steps; };

    // ---------- Training ----------
    EpochTotals train;
    double rate = options.lr;
    {
      Progress progress("train", train_loader.batches());
      train_loader.begin_epoch(options.order == "shuffled"
                                   ? shuffled(int(train_set.size()), options.seed, std::uint64_t(epoch))
                                   : sequential(int(train_set.size())));
      for (Minibatch batch; in_time() && train_loader.next(batch);) {
        const StepResult r = model.step(batch);  // forward, loss, backward, clip_grad_norm_, optimizer.step
        train.add(r.loss * batch.n, r.correct, batch.n);
        steps.line(model.steps(), float(r.loss), float(r.grad_norm), rate = r.rate);
        progress.step(batch.n, train.loss(), train.accuracy());
      }
    }
    log.line("[ Train | %03d/%03d ] loss = %.5f, acc = %.5f (mean of batches %.5f)", epoch, options.epochs,
             train.loss(), train.accuracy(), train.batch_mean_accuracy());

    // ---------- Validation ----------
    const EpochTotals valid = evaluate(model, valid_loader, int(valid_set.size()));
    const bool best = stopping.improved(valid.accuracy());
    log.line("[ Valid | %03d/%03d ] loss = %.5f, acc = %.5f (mean of batches %.5f)%s", epoch, options.epochs,
             valid.loss(), valid.accuracy(), valid.batch_mean_accuracy(), best ? " -> best" : "");
    if (best) model.save(best_path);
    for (Loader* loader : {&train_loader, &valid_loader})
      if (const std::string fault = loader->take_cache_fault(); !fault.empty()) log.line("%s", fault.c_str());
    history.line(epoch, train.loss(), train.accuracy(), valid.loss(), valid.accuracy(), rate, seconds_now() - start);

    if (stopping.stop()) {
      log.line("No improvement in %d epochs, early stopping", stopping.stale);
      break;
    }
    if (!in_time()) break;
  }

  // ---------- Testing and generating the prediction ----------
  model.load(best_path);
  predict(model, test_set, options);
  log.line("Best validation accuracy %.5f; best.safetensors, submission.csv and logits.npy are in %s", stopping.best,
           options.out.c_str());
}

int main(int argc, char** argv) {
  const Hw3Options options = parse_hw3_options(argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hw3: %s\n", error.what());
    return 1;
  }
}
