// Trains and evaluates ResNet-18 without data: used to measure the compiler's time and memory.
#include "../../examples/networks/resnet.hpp"

int main() {
  using namespace tinycnn;
  using ResNetTrainer =
      Trainer<networks::CourseResNet18, Image<3, 128, 128>, Batch<16>, CrossEntropy, Adam, Constant, Cpu<>>;
  ResNetTrainer trainer({.optimizer = {}, .schedule = {}, .clip_norm = 10, .seed = 1, .threads = 2});
  std::vector<float> images(std::size_t(16 * ResNetTrainer::graph.input.size()));
  const int labels[16] = {};
  trainer.step(images.data(), labels, 16);
  return trainer.evaluate(images.data(), labels, 16).correct == 16 ? 0 : 1;
}
