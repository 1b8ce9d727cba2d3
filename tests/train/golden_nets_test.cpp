// Five training steps of two small networks compared with PyTorch in double (golden/small_hw3 and
// small_resnet.safetensors): Adam, steps with and without clipping, a partial batch, weight decay, running statistics.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "../../examples/networks/resnet.hpp"
#include "../support/close.hpp"
#include "../support/golden.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

struct SmallCnn : Sequential<Conv2d<3, 8, 3, Padding<1>>, BatchNorm<8>, ReLU, MaxPool<2>,      // (8, 4, 4)
                             Conv2d<8, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>> {  // (16, 2, 2)
  static constexpr std::string_view name = "cnn";
};
struct SmallFc : Sequential<Linear<64, 32>, ReLU, Linear<32, 5>> {
  static constexpr std::string_view name = "fc";
};
struct SmallHw3 : Sequential<SmallCnn, Flatten, SmallFc> {};

struct SmallResNet
    : Sequential<networks::Conv1<Conv2d<3, 4, 3, Padding<1>, NoBias>>, networks::Bn1<4>, ReLU,  // (4, 8, 8)
                 networks::Layer1<networks::BasicBlock<4, 4, 1, NoBias>>,
                 networks::Layer2<networks::BasicBlock<4, 8, 2, NoBias>>,  // (8, 4, 4)
                 GlobalAvgPool, Flatten, networks::LastLinear<8, 5>> {};

/// The tolerances for a backend. Rounding errors grow with each step, since Adam's first steps are nearly the signs of
/// the gradients.
struct Bounds {
  double first_loss, losses, gradient, state, logits;
};
constexpr Bounds in_double{1e-12, 1e-9, 1e-12, 1e-9, 1e-9};
constexpr Bounds in_float{5e-6, 1e-5, 2e-5, 1e-4, 1e-4};

/// Whether a parameter is the bias of a convolution before a BatchNorm: its exact gradient is zero, a computed one is
/// rounding noise.
bool is_without_effect(const std::string& name) { return name == "cnn.0.bias" || name == "cnn.4.bias"; }

std::vector<float> floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

template <class Backend, class Net>
using TrainerOf = Trainer<Net, Image<3, 8, 8>, Batch<6>, CrossEntropy, Adam, Constant, Backend>;

template <class Backend, class Net>
void check_training(const std::string& name) {
  const Bounds bounds = sizeof(typename Backend::Compute) == 8 ? in_double : in_float;
  const Golden golden(name);
  using Training = TrainerOf<Backend, Net>;
  Training trainer({.optimizer = {.weight_decay = golden.number("weight_decay")},
                    .schedule = {golden.number("lr")},
                    .clip_norm = golden.number("clip"),
                    .threads = 2});
  const Graph& graph = Training::graph;
  const auto state = trainer.state();
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    const std::vector<double> start = golden.values("initial/" + parameter_name(graph, p));
    REQUIRE(long(start.size()) == p.size());
    for (long i = 0; i < p.size(); ++i) state.at(p, i) = typename Backend::Compute(start[std::size_t(i)]);
  }

  const std::vector<float> images[] = {floats(golden.values("x0")), floats(golden.values("x1"))};
  const std::vector<int> labels[] = {golden.labels("labels0"), golden.labels("labels1")};
  const std::vector<double> losses = golden.values("losses"), norms = golden.values("grad_norms");
  for (std::size_t step = 0; step < losses.size(); ++step) {
    CAPTURE(step);
    const StepResult result =
        trainer.step(images[step % 2].data(), labels[step % 2].data(), int(labels[step % 2].size()));
    const double bound = step == 0 ? bounds.first_loss : bounds.losses;
    check_close("loss", {result.loss}, {losses[step]}, bound);
    check_close("gradient norm", {result.grad_norm}, {norms[step]}, step == 0 ? bounds.gradient : bounds.state);
    if (step > 0) continue;
    for (int k = 0; k < graph.parameter_count; ++k) {
      const Parameter& p = graph.parameters[k];
      if (p.buffer) continue;
      const std::string key = parameter_name(graph, p);
      std::vector<double> gradient;
      for (long i = 0; i < p.size(); ++i)
        gradient.push_back(
            double(trainer.gradients()[p.offset + parameter_offset(Backend::order, graph.layers[p.layer], p, i)]));
      if (is_without_effect(key)) {
        for (double g : gradient) CHECK(std::abs(g) < bounds.gradient);
      } else {
        check_close("gradient/" + key, gradient, golden.values("gradient/" + key), bounds.gradient);
      }
    }
  }

  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    std::vector<double> values;
    for (long i = 0; i < p.size(); ++i) values.push_back(double(state.at(p, i)));
    const std::string key = "final/" + parameter_name(graph, p);
    check_close(key, values, golden.values(key), bounds.state);
  }
  std::vector<float> logits(6 * 5);
  trainer.evaluate(images[0].data(), labels[0].data(), 6, logits.data());
  const double float_rounding = 1e-7;  // logits are returned in float32
  check_close("logits", {logits.begin(), logits.end()}, golden.values("logits0"), bounds.logits + float_rounding);
}

}  // namespace

TEST_CASE("PyTorch's numbers: training a small HW3 network") {
  SUBCASE("Reference<double>") { check_training<Reference<double>, SmallHw3>("small_hw3"); }
  SUBCASE("Cpu") { check_training<Cpu<>, SmallHw3>("small_hw3"); }
}

TEST_CASE("PyTorch's numbers: training a small ResNet") {
  SUBCASE("Reference<double>") { check_training<Reference<double>, SmallResNet>("small_resnet"); }
  SUBCASE("Cpu") { check_training<Cpu<>, SmallResNet>("small_resnet"); }
}

TEST_CASE("an evaluation uses the weights last loaded or written, even after they were prepared") {
  const std::vector<float> x = floats(Golden("small_hw3").values("x0"));
  TrainerOf<Cpu<>, SmallHw3> one({.seed = 1}), two({.seed = 2}), three({.seed = 3});
  std::vector<float> expected(6 * 5), got(6 * 5);
  one.predict(x.data(), 6, expected.data());
  two.predict(x.data(), 6, got.data());
  three.predict(x.data(), 6, got.data());
  CHECK(got != expected);

  const Graph& graph = decltype(one)::graph;
  const auto from = one.state(), to = two.state();
  for (int k = 0; k < graph.parameter_count; ++k)
    for (long i = 0; i < graph.parameters[k].size(); ++i)
      to.at(graph.parameters[k], i) = from.at(graph.parameters[k], i);
  two.predict(x.data(), 6, got.data());
  CHECK(got == expected);

  const ScratchFolder folder;
  one.save(folder / "weights.safetensors");
  three.load(folder / "weights.safetensors");
  three.predict(x.data(), 6, got.data());
  CHECK(got == expected);
}
