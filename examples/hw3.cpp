// Homework 3: image classification of food photographs, 128 x 128 RGB. The course's program, line by line.
#include <tinycnn/tinycnn.hpp>

#include "hw3_options.hpp"
#include "hw3_run.hpp"
#include "networks/hw3_classifier.hpp"

using namespace tinycnn;

using Model = Trainer<networks::Classifier, Image<3, 128, 128>, Batch<64>, CrossEntropy, Adam, Constant, Cpu<>>;

Model make_model(const Hw3Options& options) {
  return Model({.optimizer = {.weight_decay = options.weight_decay},
                .schedule = {options.lr},
                .clip_norm = options.clip,
                .seed = options.seed,
                .threads = options.threads});
}

void train(Hw3Options options) {
  Run run = open_run(options);
  log_model(run.log(), Model::graph, Model::backend_name, Model::capacity, Model::arena_bytes, Model::workspace_bytes,
            options.threads);

  // ---------- Data sets and loaders ----------
  const std::string data = hw3_data_folder(options, Model::classes);
  PictureSet train_set = pictures(data, Split::train, Model::classes, options);
  PictureSet valid_set = pictures(data, Split::valid, Model::classes, options);
  PictureSet test_set = pictures(data, Split::test, Model::classes, options);
  run.log().line("%" PRId64 " train, %" PRId64 " valid, %" PRId64 " test pictures from %s", train_set.size(),
                 valid_set.size(), test_set.size(), data.c_str());
  check_pictures(run.log(), {&train_set, &valid_set, &test_set}, options);
  if (options.order == "shuffled") train_set.shuffle(options.seed);

  // ---------- Model and optimizer ----------
  Model model = make_model(options);
  if (!run.resumed() && !options.init.empty()) model.load(options.init);

  // ---------- Training and validation ----------
  run.fit(model, train_set, valid_set,
          {.epochs = options.epochs,
           .max_steps = options.max_steps,
           .checkpoint_every = options.checkpoint_every,
           .stopping = {.patience = options.patience},
           .describe = with_batch_mean});

  // ---------- Testing and generating the prediction ----------
  model.load(run.best_weights());
  write_results(predict_all(model, test_set), test_set, options);
  run.log().line("Best validation accuracy %.5f; best.safetensors, submission.csv and logits.npy are in %s",
                 run.state().stopping.best, options.out.c_str());
}

/// --predict-only: predicts the test pictures with weights from a file.
void predict_with_file(const Hw3Options& options) {
  const RunFolder folder(options.out);
  check_no_prediction(folder);
  PictureSet test_set = pictures(hw3_data_folder(options, Model::classes), Split::test, Model::classes, options);
  check_pictures(test_set, options);
  Model model = make_model(options);
  model.load(options.predict_only);
  write_results(predict_all(model, test_set), test_set, options);
  if (!options.quiet)
    std::printf("submission.csv and logits.npy of %" PRId64 " pictures are in %s\n", test_set.size(),
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
