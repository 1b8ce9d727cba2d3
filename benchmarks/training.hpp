// A benchmark program that trains a network: one pass is one step of Adam with clipping, as in the course.
#pragma once

#include "worker.hpp"

namespace bench {

template <class Net, class Input, int Capacity>
class Training {
  using Model = Trainer<Net, Input, Batch<Capacity>, CrossEntropy, Adam, Constant, Cpu<>>;

 public:
  explicit Training(const Request& r)
      : batch_(r.batch),
        images_(read_values<float>(r.images, r.batch * Model::graph.input.size())),
        labels_(read_values<int>(r.labels, r.batch)),
        model_({.optimizer = {.weight_decay = 1e-5},
                .schedule = {3e-4},
                .clip_norm = 10,
                .seed = 6666,
                .threads = r.threads}) {
    if (!r.weights.empty()) model_.load(r.weights);
  }

  void pass() { loss_ = model_.step(images_.data(), labels_.data(), batch_).loss; }
  /// The loss of the last step.
  [[nodiscard]] std::vector<float> result() const { return {float(loss_)}; }
  [[nodiscard]] Operations operations() const { return network_operations<cpu::Native>(Model::graph, batch_, true); }
  cpu::ThreadPool& pool() { return model_.backend().pool(); }

 private:
  int batch_;
  std::vector<float> images_;  // (N, C, H, W)
  std::vector<int> labels_;    // (N)
  Model model_;
  double loss_ = 0;
};

template <class Net, class Input, int Capacity>
void train(const Request& request) {
  Training<Net, Input, Capacity> training(request);
  serve(training, request.repeats);
}

}  // namespace bench
