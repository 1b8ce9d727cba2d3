// A benchmark program that runs a trained network: one pass is the prediction of one batch.
#pragma once

#include "worker.hpp"

namespace bench {

template <class Net, class Input, int Capacity>
class Inference {
  using Model = Predictor<Net, Input, Batch<Capacity>, Cpu<>>;

 public:
  explicit Inference(const Request& r)
      : batch_(r.batch),
        images_(read_values<float>(r.images, r.batch * Model::graph.input.size())),
        logits_(std::size_t(r.batch * Model::output.size())),
        model_(r.threads),
        pool_(r.threads) {
    if (!r.weights.empty()) {
      model_.load(r.weights);
    } else {
      initialize(model_.state(), 6666);
      model_.prepare();
    }
  }

  void pass() { model_.predict(images_.data(), batch_, logits_.data()); }
  /// The logits of the last pass.
  [[nodiscard]] const std::vector<float>& result() const { return logits_; }
  [[nodiscard]] Operations operations() const { return network_operations<cpu::Native>(Model::graph, batch_, false); }
  cpu::ThreadPool& pool() { return pool_; }

 private:
  int batch_;
  std::vector<float> images_;  // (N, C, H, W)
  std::vector<float> logits_;  // (N, classes)
  Model model_;
  cpu::ThreadPool pool_;  // to measure the peak: a Predictor's own pool is private
};

template <class Net, class Input, int Capacity>
void infer(const Request& request) {
  Inference<Net, Input, Capacity> inference(request);
  serve(inference, request.repeats);
}

}  // namespace bench
