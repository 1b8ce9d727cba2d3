// Homework 3 in thirty lines: trains, validates and saves the weights of the best epoch. hw3.cpp is for real use.
#include <tinycnn/tinycnn.hpp>

#include "networks/hw3_classifier.hpp"

// clang-format off
using namespace tinycnn;
using Model = Trainer<networks::Classifier, Image<3, 128, 128>, Batch<64>, CrossEntropy, Adam, Constant, Cpu<>>;

int main(int count, char** arguments) try {
  const std::string data = count > 1 ? arguments[1] : "hw3_data";
  const ImageFolder train = list_split(data, Split::train), valid = list_split(data, Split::valid);
  Loader train_loader(train, Model::graph.input, 64, 2, "train.pixels");  // two threads, decoded pictures cached
  Loader valid_loader(valid, Model::graph.input, 64, 2, "valid.pixels");
  Model model({.optimizer = {.weight_decay = 1e-5}, .schedule = {3e-4}, .clip_norm = 10, .seed = 6666, .threads = 2});
  EarlyStopping stopping{.patience = 5};
  for (int epoch = 1; epoch <= 8 && !stopping.stop(); ++epoch) {
    EpochTotals training, validation;
    train_loader.begin_epoch(shuffled(int(train.size()), 6666, std::uint64_t(epoch)));
    for (Minibatch batch; train_loader.next(batch);) {
      const StepResult r = model.step(batch);  // forward, loss, backward, clipping, optimizer
      training.add(r.loss * batch.n, r.correct, batch.n);
    }
    valid_loader.begin_epoch(sequential(int(valid.size())));
    for (Minibatch batch; valid_loader.next(batch);) {
      const EvaluationResult r = model.evaluate(batch);
      validation.add(r.loss_sum, r.correct, batch.n);
    }
    std::printf("[ %d/8 ] train loss %.4f acc %.4f, valid loss %.4f acc %.4f\n", epoch, training.loss(),
                training.accuracy(), validation.loss(), validation.accuracy());
    if (stopping.improved(validation.accuracy())) model.save("best.safetensors");
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
