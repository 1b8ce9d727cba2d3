// Fashion-MNIST, 28 x 28 grey pictures of clothes: the run of the library on data in memory, with another network,
// optimizer and schedule than homework 3. After any kill, --resume goes on with the same bits.
//
// The data set is Debian's package dataset-fashion-mnist, unpacked with gunzip; other IDX files of 10 classes will do.
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Net : Sequential<Conv2d<1, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>,   // (16, 14, 14)
                        Conv2d<16, 32, 3, Padding<1>>, BatchNorm<32>, ReLU, MaxPool<2>,  // (32, 7, 7)
                        Flatten, Dropout<Percent<25>>, Linear<32 * 7 * 7, 10>> {};

constexpr int batch_size = 128;
using Model =
    Trainer<Net, Image<1, 28, 28>, Batch<batch_size>, CrossEntropy, SGD, LinearWarmup<CosineAnnealing>, Cpu<>>;

struct Arguments {
  std::string data = "/usr/share/datasets/fashion-mnist", out = "runs/fashion_mnist";
  int epochs = 5;
  bool resume = false;
};

void train(Arguments o) {
  Settings settings;
  settings.fixed("--epochs", o.epochs);  // the schedule depends on it
  Run run({.folder = o.out, .resume = o.resume, .results = {"predictions.csv"}}, settings);

  const auto set = [&](const char* name) {
    const std::string path = o.data + "/" + name;
    return read_idx_set(path + "-images-idx3-ubyte", path + "-labels-idx1-ubyte", Model::classes, batch_size);
  };
  ArraySet train_set = set("train"), test_set = set("t10k"), valid_set = train_set.take_last(train_set.size() / 6);
  train_set.shuffle(1);

  const std::int64_t steps = o.epochs * train_set.batches();
  Model model({.optimizer = {.weight_decay = 1e-4, .momentum = 0.9},
               .schedule = {.then = {.base = 0.05, .steps = steps}, .warmup = steps / 10},
               .seed = 1,
               .threads = 2});
  run.fit(model, train_set, valid_set,
          {.epochs = o.epochs, .checkpoint_every = 50, .callbacks = {.new_best = [&](const EpochEvent& e) {
                                                         run.log().line("epoch %d is kept", e.epoch);
                                                       }}});

  model.load(run.best_weights());
  const Predictions p = predict_all(model, test_set);
  write_predictions(run.file("predictions.csv"), p.categories, {.id = "picture", .category = "class"});
  run.log().line("%.2f %% of the test pictures are classified correctly", 100 * p.accuracy(test_set.labels()));
}

int main(int count, char** arguments) try {
  Arguments options;
  for (int i = 1; i < count; ++i) {
    const std::string flag = arguments[i];
    const bool has_value = i + 1 < count;
    if (flag == "--resume")
      options.resume = true;
    else if (flag == "--data" && has_value)
      options.data = arguments[++i];
    else if (flag == "--out" && has_value)
      options.out = arguments[++i];
    else if (flag == "--epochs" && has_value && std::atoi(arguments[i + 1]) > 0)
      options.epochs = std::atoi(arguments[++i]);
    else
      throw Error("usage: fashion_mnist [--data FOLDER] [--out FOLDER] [--epochs N] [--resume]");
  }
  train(options);
} catch (const std::exception& error) {
  std::fprintf(stderr, "fashion_mnist: %s\n", error.what());
  return 1;
}
