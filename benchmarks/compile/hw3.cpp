// Trains, evaluates, saves and predicts HW3 without data: used to measure the compiler's time and memory.
#include "../../examples/networks/hw3_classifier.hpp"

int main() {
  using namespace tinycnn;
  using networks::Classifier;
  using Model = Trainer<Classifier, Image<3, 128, 128>, Batch<64>, CrossEntropy, Adam, Constant, Cpu<>>;
  Model model({.optimizer = {}, .schedule = {}, .clip_norm = 10, .seed = 1, .threads = 2});
  std::vector<float> images(std::size_t(64 * Model::graph.input.size()));
  const int labels[64] = {};
  model.step(images.data(), labels, 64);
  model.evaluate(images.data(), labels, 64);
  model.save("hw3.safetensors");

  Predictor<Classifier, Image<3, 128, 128>, Batch<1>, Cpu<>> predictor("hw3.safetensors", 2);
  float logits[Model::classes];
  predictor.predict(images.data(), 1, logits);
  return argmax(logits, Model::classes);
}
