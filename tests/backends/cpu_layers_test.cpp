// The Cpu backend's ops of a single layer against the plain loops of Reference<double> on the same inputs: outputs, all
// gradients, running statistics; and the same bits on any number of threads.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include <tinycnn/tinycnn.hpp>

#include "../support/close.hpp"
#include "../support/layer_run.hpp"

namespace {

using namespace tinycnn;

struct PredictionOnly {
  static constexpr Demand demand{.mode = Mode::inference, .parameter_gradients = false, .loss = false};
};

/// `count` multiples of 1/8 in [-1, 1), so that windows have ties.
std::vector<double> coarse(std::uint64_t stream, long count) {
  std::vector<double> values;
  for (long i = 0; i < count; ++i) values.push_back(double(below(11, stream, std::uint64_t(i), 16)) / 8 - 1);
  return values;
}

std::vector<double> drawn(std::uint64_t stream, long count, double from = -1, double to = 1) {
  std::vector<double> values;
  for (long i = 0; i < count; ++i) values.push_back(from + (to - from) * double(uniform(11, stream, std::uint64_t(i))));
  return values;
}

/// n samples, an upstream gradient and parameters for `graph`.
LayerInputs drawn_inputs(const Graph& graph, int n) {
  LayerInputs given;
  given.x = coarse(1, n * graph.input.size());
  given.dy = drawn(2, n * graph.dims(graph.logits_nodes()).size());
  for (int i = 0; i < n; ++i) given.labels.push_back(i % int(graph.dims(graph.logits_nodes()).size()));
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    const bool spread = p.name == "running_var";
    given.state.push_back({parameter_name(graph, p), drawn(std::uint64_t(10 + k), p.size(), spread ? 0.5 : -1.5, 1.5)});
  }
  return given;
}

/// Whether no step of the plan is a plain loop, except the test's own loss.
constexpr bool has_kernels(const Plan& plan) {
  for (int i = 0; i < plan.step_count; ++i) {
    const FusedOpFacts& op = plan.ops[plan.steps[i].op];
    if (op.fallback && op.name != reference::OwnLayerOp::name) return false;
  }
  return true;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

template <class Net, class Input, class DemandTag = EveryGradient, class Loss = UpstreamLoss>
void check(const char* name, const LayerInputs& given, double bound = 1e-6) {
  INFO(name);
  static_assert(has_kernels(plan_of<Net, Input, Loss, Cpu<>, DemandTag>));
  const LayerValues expected = run_layer<Reference<double>, Net, Input, Loss, DemandTag>(given);
  LayerValues first;
  for (int threads : {1, 2, 5}) {
    CAPTURE(threads);
    const LayerValues got = run_layer<Cpu<>, Net, Input, Loss, DemandTag>(given, threads);
    if (threads == 1) {
      check_close("y", got.y, expected.y, bound);
      check_close("loss", got.losses, expected.losses, bound);
      check_close("dx", got.dx, expected.dx, bound);
      for (std::size_t k = 0; DemandTag::demand.parameter_gradients && k < got.gradients.size(); ++k)
        check_close("d" + got.gradients[k].name, got.gradients[k].values, expected.gradients[k].values, bound);
      for (std::size_t k = 0; k < got.buffers.size(); ++k)
        check_close(got.buffers[k].name, got.buffers[k].values, expected.buffers[k].values, bound);
      CHECK((!DemandTag::demand.parameter_gradients || got.padding_is_zero));
      first = got;
    }
    CHECK(same_bits(got.y, first.y));
    CHECK(same_bits(got.losses, first.losses));
    CHECK(same_bits(got.dx, first.dx));
    for (std::size_t k = 0; k < got.gradients.size(); ++k)
      CHECK(same_bits(got.gradients[k].values, first.gradients[k].values));
    for (std::size_t k = 0; k < got.buffers.size(); ++k)
      CHECK(same_bits(got.buffers[k].values, first.buffers[k].values));
  }
}

template <class Net, class Input, class DemandTag = EveryGradient, class Loss = UpstreamLoss>
void check(const char* name, int n = 3, double bound = 1e-6) {
  check<Net, Input, DemandTag, Loss>(name, drawn_inputs(graph_of<Net, Input, Loss>, n), bound);
}

template <class L>
using Alone = Sequential<L>;
template <class L>
using BesideItsInput = Concat<L, Identity>;  // its gradient is added to the other branch's

TEST_CASE("MaxPool equals plain loops") {
  check<Alone<MaxPool<3, Stride<2>, Padding<1>>>, Image<33, 9, 8>>("the stem of a residual network");
  check<Alone<MaxPool<2>>, Image<3, 7, 5>>("windows that tile the image");
  check<Alone<MaxPool<3, Stride<1>, Padding<1>, Dilation<2>>>, Image<17, 7, 6>>("dilation");
  check<Alone<MaxPool<2, Stride<3>>>, Image<17, 8, 9>>("gaps between windows", 1);
  check<Alone<MaxPool<16, Stride<2>, Padding<8>>>, Image<1, 17, 20>>("the largest window whose argmax fits a byte");
  check<BesideItsInput<MaxPool<3, Stride<1>, Padding<1>>>, Image<17, 5, 6>>("a gradient with another contributor");
  check<Alone<MaxPool<3, Stride<2>>>, Image<17, 9, 8>, PredictionOnly>("prediction");
}

TEST_CASE("MaxPool: NaN wins, and the first of ties") {
  using Net = MaxPool<2, Stride<1>>;
  LayerInputs given;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (int c = 0; c < 17; ++c)
    for (double value : {1.0, 1.0, nan, 1.0, 1.0, 1.0}) given.x.push_back(value);
  given.dy = drawn(2, 17 * 2);
  const LayerValues got = run_layer<Cpu<>, Net, Image<17, 2, 3>, UpstreamLoss, EveryGradient>(given);
  for (std::size_t c = 0; c < 17; ++c) {
    CHECK(got.y[2 * c] == 1.0);
    CHECK(std::isnan(got.y[2 * c + 1]));
    CHECK(got.dx[6 * c] == double(float(given.dy[2 * c])));
    CHECK(got.dx[6 * c + 2] == double(float(given.dy[2 * c + 1])));
    for (std::size_t other : {1u, 3u, 4u, 5u}) CHECK(got.dx[6 * c + other] == 0);
  }
}

TEST_CASE("MaxPool of a window that covers only padding is -infinity") {
  using Net = MaxPool<2, Padding<1>, Dilation<3>>;  // its taps lie on either side of the two pixels
  const LayerInputs given{drawn(1, 12), drawn(2, 3), {}, {}};
  const LayerValues got = run_layer<Cpu<>, Net, Image<3, 2, 2>, UpstreamLoss, EveryGradient>(given);
  CHECK(got.y == std::vector<double>(3, -std::numeric_limits<double>::infinity()));
  CHECK(got.dx == std::vector<double>(12, 0.0));
}

TEST_CASE("AvgPool and GlobalAvgPool equal plain loops") {
  check<Alone<AvgPool<2>>, Image<3, 7, 5>>("windows that tile the image");
  check<Alone<AvgPool<3, Stride<2>, Padding<1>>>, Image<33, 9, 8>>("overlap and padding");
  check<Alone<AvgPool<2, Stride<3>>>, Image<17, 8, 9>>("gaps between windows", 1);
  check<BesideItsInput<AvgPool<3, Stride<1>, Padding<1>>>, Image<17, 5, 6>>("a gradient with another contributor");
  check<Alone<GlobalAvgPool>, Image<33, 9, 8>>("several pixels");
  check<Alone<GlobalAvgPool>, Image<1, 19, 18>>("more pixels than a block");
  using Means = Sequential<GlobalAvgPool, Flatten>;
  check<Concat<Means, Means>, Image<17, 3, 2>>("two readers of one value");
}

TEST_CASE("BatchNorm equals plain loops") {
  check<Alone<BatchNorm<33>>, Image<33, 5, 7>>("image", 3, 3e-6);
  check<Alone<BatchNorm<3>>, Image<3, 19, 18>>("several blocks", 5, 3e-6);
  check<Alone<BatchNorm<1>>, Image<1, 2, 4>>("one channel of one sample", 1, 3e-6);
  check<Alone<BatchNorm<67>>, Features<67>>("features in more than one strip", 5, 3e-6);
  check<Sequential<Flatten, BatchNorm<51>>, Image<17, 3, 1>>("a flattened image", 5, 3e-6);
  check<BesideItsInput<BatchNorm<17>>, Image<17, 3, 5>>("a gradient with another contributor", 3, 3e-6);
  check<Alone<BatchNorm<17>>, Image<17, 3, 5>, EveryGradientInEvaluation>("evaluation", 3, 3e-6);
  check<Alone<BatchNorm<17>>, Image<17, 3, 5>, InputGradient>("input gradient", 3, 3e-6);
  check<Sequential<Flatten, BatchNorm<51>>, Image<17, 3, 1>, PredictionOnly>("prediction of a flattened image", 5,
                                                                             3e-6);
}

TEST_CASE("BatchNorm keeps its precision far from zero") {
  using Net = Alone<BatchNorm<17>>;
  LayerInputs given = drawn_inputs(graph_of<Net, Image<17, 15, 20>, UpstreamLoss>, 3);
  for (double& x : given.x) x += 4096;  // still exact in float
  check<Net, Image<17, 15, 20>>("mean 4096, deviation 0.6", given, 1e-3);
}

TEST_CASE("fused Conv+BatchNorm ops keep their precision far from zero") {
  // A 1x1 convolution that copies its channels, so BatchNorm's input has mean 4096 and deviation 0.6.
  using Plain = Sequential<Conv2d<17, 17, 1, NoBias>, BatchNorm<17>, ReLU>;
  using Pooled = Sequential<Conv2d<17, 17, 1, NoBias>, BatchNorm<17>, ReLU, MaxPool<2>>;
  const auto check_net = [&]<class Net>(Net*, const char* name) {
    LayerInputs given = drawn_inputs(graph_of<Net, Image<17, 15, 20>, UpstreamLoss>, 3);
    for (double& x : given.x) x += 4096;
    std::vector<double>& weight = given.state.at(0).values;
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = i / 17 == i % 17 ? 1 : 0;
    // dw is not checked: it sums 4096 times elements that add up to 0, which in f32 leaves only rounding errors.
    const LayerValues got = run_layer<Cpu<>, Net, Image<17, 15, 20>, UpstreamLoss, EveryGradient>(given);
    const LayerValues expected =
        run_layer<Reference<double>, Net, Image<17, 15, 20>, UpstreamLoss, EveryGradient>(given);
    INFO(name);
    check_close("y", got.y, expected.y, 1e-3);
    check_close("dx", got.dx, expected.dx, 1e-3);
    for (std::size_t k = 0; k < got.buffers.size(); ++k)
      check_close(got.buffers[k].name, got.buffers[k].values, expected.buffers[k].values, 1e-4);
  };
  check_net(static_cast<Plain*>(nullptr), "stored");
  check_net(static_cast<Pooled*>(nullptr), "pooled");
}

TEST_CASE("ReLU, Add, Concat and Dropout equal plain loops") {
  check<Alone<ReLU>, Image<17, 3, 5>>("ReLU");
  check<Alone<ReLU>, Features<17000>>("more than one block", 3);
  check<Residual<ReLU>, Image<3, 5, 7>>("ReLU beside a shared gradient");
  check<Residual<Identity, Identity>, Image<33, 2, 3>>("x + x");
  check<Residual<Residual<ReLU>, ReLU>, Features<33>>("sums of sums");
  check<Concat<ReLU, Identity, GlobalAvgPool>, Image<17, 1, 1>>("three branches");
  check<Concat<Conv2d<3, 17, 1>, ReLU>, Image<3, 5, 7>>("channels of an image", 3, 5e-6);
  check<Concat<Identity, Identity>, Features<33>>("features twice");
  check<Alone<Dropout<Percent<30>>>, Image<17, 3, 5>>("dropped pixels");
  check<Sequential<Flatten, Dropout<>>, Image<3, 5, 7>>("dropped features of a flattened image");
  check<BesideItsInput<Dropout<>>, Features<33>>("a gradient with another contributor");
}

TEST_CASE("CrossEntropy equals plain loops") {
  check<Alone<Linear<5, 11>>, Features<5>, EveryGradient, CrossEntropy>("small logits", 7, 3e-6);
  check<Flatten, Image<3, 2, 2>, EveryGradient, CrossEntropy>("an image as logits", 7);
  check<Residual<Identity, Identity>, Features<600>, EveryGradient, CrossEntropy>("more classes than a block", 7);
  check<Alone<Linear<5, 3>>, Features<5>, InputGradient, CrossEntropy>("input gradient", 7, 3e-6);
  check<Alone<Linear<5, 3>>, Features<5>, Validation, CrossEntropy>("validation", 7, 3e-6);
  LayerInputs sure = drawn_inputs(graph_of<Identity, Features<4>, CrossEntropy>, 2);
  sure.x = {30, 0, -2, 1, -100, 200, 0, 100};
  sure.labels = {0, 0};
  const LayerValues got = run_layer<Cpu<>, Identity, Features<4>, CrossEntropy, EveryGradient>(sure);
  const LayerValues expected = run_layer<Reference<double>, Identity, Features<4>, CrossEntropy, EveryGradient>(sure);
  constexpr double denormal = 1e-37;  // counts as 0 on Cpu
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(std::abs(got.dx[i] - expected.dx[i]) <= 1e-6 * std::abs(expected.dx[i]) + denormal);
  CHECK(got.losses[1] == 300);
}

TEST_CASE("plain loops compute what no op of Cpu fits") {
  static_assert(!has_kernels(plan_of<MaxPool<17>, Image<1, 20, 20>, NoLoss, Cpu<>, PredictionOnly>));
  using Flat = Concat<Sequential<Conv2d<3, 3, 1>, Flatten>, Flatten>;
  static_assert(!has_kernels(plan_of<Flat, Image<3, 2, 2>, NoLoss, Cpu<>, PredictionOnly>));
}

}  // namespace
