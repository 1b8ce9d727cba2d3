// The course's ResNet-18 itself: it learns on Cpu, and one step of it is Reference's.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "../../examples/networks/resnet.hpp"

using namespace tinycnn;

namespace {

template <class Backend>
using Training = Trainer<networks::CourseResNet18, Image<3, 32, 32>, Batch<4>, CrossEntropy, Adam, Constant, Backend>;

constexpr TrainerOptions<Adam, Constant> options{
    .optimizer = {}, .schedule = {1e-3}, .clip_norm = 10, .seed = 7, .threads = 2};

std::vector<float> drawn_images() {  // (4, 3, 32, 32)
  std::vector<float> images(4 * 3 * 32 * 32);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = uniform(3, 1, i);
  return images;
}
constexpr int labels[] = {0, 3, 7, 10};

}  // namespace

TEST_CASE("ResNet-18 of the course learns four pictures by heart on Cpu") {
  Training<Cpu<>> model(options);
  const std::vector<float> images = drawn_images();
  const double first = model.step(images.data(), labels, 4).loss;
  double last = first;
  for (int step = 0; step < 7; ++step) last = model.step(images.data(), labels, 4).loss;
  CHECK(last < 0.5 * first);
}

TEST_CASE("a step of ResNet-18 on Cpu is Reference's") {
  // Expected numbers: the plain loops in double, from the same start (initial values do not depend on the backend).
  Training<Cpu<>> fast(options);
  Training<Reference<double>> plain(options);
  const std::vector<float> images = drawn_images();
  const StepResult got = fast.step(images.data(), labels, 4), expected = plain.step(images.data(), labels, 4);
  CHECK(std::abs(got.loss - expected.loss) <= 5e-6 * expected.loss);
  CHECK(std::abs(got.grad_norm - expected.grad_norm) <= 1e-4 * expected.grad_norm);

  // Running statistics after the step, layer by layer: they are the forward pass of the whole network.
  const Graph& g = Training<Cpu<>>::graph;
  for (int k = 0; k < g.parameter_count; ++k) {
    const Parameter& p = g.parameters[k];
    if (!p.buffer || p.integer) continue;
    double error = 0, size = 0;
    for (long i = 0; i < p.size(); ++i) {
      const double difference = double(fast.state().at(p, i)) - plain.state().at(p, i);
      error += difference * difference;
      size += plain.state().at(p, i) * plain.state().at(p, i);
    }
    INFO(parameter_name(g, p));
    CHECK(error <= 1e-8 * size);
  }
}
