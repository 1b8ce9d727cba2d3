// The course's ResNet-18: it learns on Cpu, and a training step agrees with Reference.
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

TEST_CASE("the course's ResNet-18 overfits four pictures on Cpu") {
  Training<Cpu<>> model(options);
  const std::vector<float> images = drawn_images();
  const double first = model.step(images.data(), labels, 4).loss;
  double last = first;
  for (int step = 0; step < 7; ++step) last = model.step(images.data(), labels, 4).loss;
  CHECK(last < 0.5 * first);
}

TEST_CASE("a training step of ResNet-18 on Cpu agrees with Reference") {
  // Expected: the plain loops in double with the same initial values, which do not depend on the backend.
  Training<Cpu<>> fast(options);
  Training<Reference<double>> plain(options);
  const std::vector<float> images = drawn_images();
  const StepResult got = fast.step(images.data(), labels, 4), expected = plain.step(images.data(), labels, 4);
  CHECK(std::abs(got.loss - expected.loss) <= 5e-6 * expected.loss);
  CHECK(std::abs(got.grad_norm - expected.grad_norm) <= 1e-4 * expected.grad_norm);

  // Running statistics after the step; together they depend on the forward pass of the whole network.
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
