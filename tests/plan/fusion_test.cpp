// The fused plans of Cpu compared with the unfused ones of Reference<double> for the same parameters and images:
// outputs, all gradients, running statistics; then properties that must hold bitwise on Cpu. It is one long file so
// that the kernels are compiled only once.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../support/nets.hpp"
#include "../support/plan_run.hpp"

namespace {

using namespace tinycnn;
using Fused = PlanRun<Cpu<>>;
using Plain = PlanRun<Reference<double>>;

/// Checks that the largest difference is at most `bound` times the largest expected element. float's rounding errors
/// grow with the length of sums and with BatchNorm's division.
void check_close(const std::vector<double>& got, const std::vector<double>& expected, double bound = 2e-5) {
  REQUIRE(got.size() == expected.size());
  double most = 1e-2, worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    most = std::max(most, std::abs(expected[i]));
    const double error = std::abs(got[i] - expected[i]);
    if (!(error <= worst)) worst = error;  // true for NaN, too
  }
  CHECK(worst <= bound * most);
}

/// Compares one training step of n samples on both backends.
void check_step(Fused fused, Plain plain, int n, std::uint64_t seed, double some_gammas = 0) {
  const Graph& g = plain.graph();
  const std::vector<double> images = drawn_images(seed, n, g.input.size());
  const std::vector<int> labels = drawn_labels(seed, n, int(g.dims(g.logits_nodes()).size()));
  auto both = [&](auto&& f) { f(fused), f(plain); };
  both([&](auto& run) {
    run.draw_parameters(seed);
    run.set_some_gammas(some_gammas);
  });
  CHECK(fused.forward(images, labels, n) == doctest::Approx(plain.forward(images, labels, n)).epsilon(1e-5));
  check_close(fused.output(), plain.output());
  both([](auto& run) { run.backward(), run.commit(); });
  if (plain.plan().demand.input_gradient) check_close(fused.input_gradient(), plain.input_gradient());
  for (int k = 0; k < g.parameter_count; ++k) {
    const Parameter& p = g.parameters[k];
    INFO(parameter_name(g, p));
    if (!p.buffer) check_close(fused.gradient(p), plain.gradient(p));
    check_close(fused.values(p), plain.values(p));
  }
}

template <class Net, class Input = Image<3, 7, 9>, class DemandTag = EveryGradient>
void check_training(const std::string& name, int n = 3, std::uint64_t seed = 21, double some_gammas = -0.7) {
  INFO(name);
  constexpr int capacity = 5;
  check_step(plan_run<Net, Input, DemandTag, Cpu<>>(capacity, 2),
             plan_run<Net, Input, DemandTag, Reference<double>>(capacity), n, seed, some_gammas);
}

/// Layers on pictures, followed by a Linear layer on `Size` features.
template <int Size, class... Layers>
using Net = Sequential<Layers..., Flatten, Linear<Size, 4>>;

template <class Op>
constexpr bool starts_with(const Plan& plan) {
  return plan.ops[plan.steps[0].op].name == Op::name;
}

TEST_CASE("fused Conv+BatchNorm+ReLU+MaxPool agrees with plain layers") {
  using TwoPools = Net<33 * 1 * 2, Conv2d<3, 17, 3, Padding<1>>, BatchNorm<17>, ReLU, MaxPool<2>,
                       Conv2d<17, 33, 3, Padding<1>>, BatchNorm<33>, ReLU, MaxPool<2>>;
  static_assert(starts_with<cpu::ConvBnReluPool<cpu::DenseConvolution<cpu::Native>>>(
      plan_of<TwoPools, Image<3, 7, 9>, CrossEntropy, Cpu<>, EveryGradient>));
  check_training<TwoPools>("gammas of both signs");
  check_training<TwoPools>("one sample", 1, 22);
  check_training<TwoPools>("gammas that are zero", 5, 23, 0.0);
  check_training<Net<5 * 4 * 3, Conv2d<3, 5, 3, Padding<1>, NoBias>, BatchNorm<5>, ReLU, MaxPool<3>>, Image<3, 13, 11>>(
      "pool 3");
  check_training<Net<5 * 4 * 3, Conv2d<3, 5, 3, Padding<1>, NoBias>, BatchNorm<5>, ReLU, MaxPool<3>>, Image<3, 13, 11>>(
      "pool 3, gammas that are zero", 3, 24, 0.0);
  check_training<Net<6 * 3 * 3, Conv2d<4, 6, 3, Stride<2>, Padding<1>, Groups<2>>, BatchNorm<6>, ReLU, MaxPool<2>>,
                 Image<4, 13, 11>>("groups and stride");
  check_training<Net<5 * 6 * 5, Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>, ReLU, MaxPool<3, Stride<2>>>,
                 Image<3, 13, 11>>("an overlapping pool, which is not fused");
}

TEST_CASE("fused Conv+BatchNorm+ReLU+MaxPool on the network's input agrees with plain layers") {
  using Odd = Net<17 * 3 * 4, Conv2d<3, 17, 3, Padding<1>>, BatchNorm<17>, ReLU, MaxPool<2>>;
  static_assert(starts_with<cpu::FirstConvBnReluPool<cpu::DenseConvolution<cpu::Native>>>(
      plan_of<Odd, Image<3, 7, 9>, CrossEntropy, Cpu<>, TrainingStep>));
  check_training<Odd, Image<3, 7, 9>, TrainingStep>("odd sizes");
  check_training<Odd, Image<3, 7, 9>, TrainingStep>("one sample, gammas that are zero", 1, 26, 0.0);
  check_training<Net<32 * 2 * 35, Conv2d<1, 32, 3, NoBias>, BatchNorm<32>, ReLU, MaxPool<2>>, Image<1, 6, 72>,
                 TrainingStep>("wide, no padding, no bias");
  check_training<Net<5 * 5 * 4, Conv2d<4, 5, 3, Padding<1>>, BatchNorm<5>, ReLU, MaxPool<2>>, Image<4, 10, 9>,
                 TrainingStep>("four channels");
}

TEST_CASE("fused Conv+BatchNorm without Winograd, for a layer or the whole net, agrees with plain layers") {
  using Plain16 = Net<16 * 4 * 4, Conv2d<16, 16, 3, Padding<1>, NoWinograd>, BatchNorm<16>, ReLU, MaxPool<2>>;
  using Usual16 = Net<16 * 4 * 4, Conv2d<16, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>>;
  using Picture16 = Image<16, 8, 8>;
  using Without = Cpu<NoWinograd>;
  CHECK(describe(plan_of<Plain16, Picture16, CrossEntropy, Cpu<>, EveryGradient>).find("Winograd") ==
        std::string::npos);
  CHECK(describe(plan_of<Usual16, Picture16, CrossEntropy, Cpu<>, EveryGradient>).find("Winograd") !=
        std::string::npos);
  CHECK(describe(plan_of<Usual16, Picture16, CrossEntropy, Without, EveryGradient>).find("Winograd") ==
        std::string::npos);
  check_training<Plain16, Picture16>("NoWinograd");
  PlanRun<Cpu<>> one = plan_run<Plain16, Picture16, EveryGradient, Cpu<>>(3);
  PlanRun<Without> all = plan_run<Usual16, Picture16, EveryGradient, Without>(3);
  const std::vector<double> images = drawn_images(27, 3, Picture16::dims.size());
  one.draw_parameters(27), all.draw_parameters(27);
  CHECK(one.forward(images, drawn_labels(27, 3, 4), 3) == all.forward(images, drawn_labels(27, 3, 4), 3));
}

TEST_CASE("fused Conv+BatchNorm agrees with plain layers") {
  check_training<Net<5 * 7 * 9, Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>>>(
      "without ReLU, deferred at the last Flatten");
  check_training<Net<33 * 7 * 9, Conv2d<3, 33, 1>, BatchNorm<33>, ReLU>>("deferred ReLU at the last Flatten");
  check_training<
      Net<17 * 7 * 9, Conv2d<3, 33, 5, Padding<2>, NoBias>, BatchNorm<33>, ReLU, Conv2d<33, 17, 3, Padding<1>>>>(
      "a deferred value read by a convolution with padding");
  check_training<Net<8 * 7 * 9, Conv2d<3, 8, 3, Padding<1>>, BatchNorm<8>, ReLU, Conv2d<8, 8, 3, Padding<1>, Groups<4>>,
                     BatchNorm<8>, ReLU>>("a deferred value read by groups", 5, 25, 0.0);
  check_training<Net<13 * 7 * 9,
                     Concat<Sequential<Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>, ReLU>,
                            Sequential<Conv2d<3, 3, 1>, BatchNorm<3>>, Conv2d<3, 5, 3, Padding<1>>>,
                     ReLU>>("concat of deferred values");
  check_training<
      Net<5 * 7 * 9, Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>, ReLU, Residual<Conv2d<5, 5, 3, Padding<1>>>>>(
      "a deferred value read by a convolution and a sum");
}

TEST_CASE("fused Conv+BatchNorm+Add+ReLU agrees with plain layers") {
  using Block =
      Sequential<Conv2d<17, 17, 3, Padding<1>>, BatchNorm<17>, ReLU, Conv2d<17, 17, 3, Padding<1>>, BatchNorm<17>>;
  check_training<
      Net<17 * 7 * 9, Conv2d<3, 17, 3, Padding<1>>, BatchNorm<17>, ReLU, Residual<Block>, ReLU, Residual<Block>, ReLU>>(
      "identity shortcuts");
  check_training<Net<6 * 4 * 5,
                     Residual<Sequential<Conv2d<3, 6, 3, Stride<2>, Padding<1>>, BatchNorm<6>>,
                              Sequential<Conv2d<3, 6, 1, Stride<2>>, BatchNorm<6>>>,
                     ReLU>>("downsample");
  check_training<Net<6 * 4 * 5,
                     Residual<Sequential<Conv2d<3, 6, 3, Stride<2>, Padding<1>>, BatchNorm<6>>,
                              Sequential<Conv2d<3, 6, 1, Stride<2>>, BatchNorm<6>, ReLU>>,
                     ReLU>>("deferred ReLU as shortcut");
  check_training<Net<3 * 7 * 9, Residual<Sequential<Conv2d<3, 3, 3, Padding<1>>, BatchNorm<3>>>, ReLU>>(
      "both operands from the images");
  check_training<nets::SmallResNet, nets::SmallResNetInput>("small ResNet", 5, 26);
  check_training<nets::SmallHw3, nets::SmallHw3Input>("small HW3", 4, 27);
}

TEST_CASE("fused Linear+ReLU and shared gradients agree with plain layers") {
  check_training<Sequential<Linear<37, 33>, ReLU, Linear<33, 17>, ReLU, Linear<17, 4>>, Features<37>>("rows");
  check_training<nets::TwiceItself, nets::Row>("x + x");
  check_training<nets::SharedReLU, nets::Row>("ReLU of a shared value");
  check_training<nets::NestedLayers, nets::Row>("nested residuals");
  check_training<nets::NestedPairs, nets::Row>("nested residuals of two layers");
  check_training<nets::OneAfterTheOther, nets::Row>("residual after residual");
  check_training<nets::ShortcutOfItself, nets::Picture>("both operands of a sum start from one value");
  check_training<nets::NestedBlocks, nets::Picture>("nested residual blocks");
  check_training<nets::ConcatWithInput, nets::Picture>("concat with the input");
  check_training<nets::ConcatOfFlat, nets::Picture>("concat of flattened pictures");
  check_training<nets::ResidualOfFlat, nets::Picture>("residual over flattened pictures");
  check_training<nets::ResidualOfTwoFlats, nets::Picture>("sum of two flattened pictures");
  check_training<nets::FlatThenNorm, nets::Picture>("batch norm of a flattened picture");
  check_training<nets::FlatThenDropout, nets::Picture>("dropout of a flattened picture");
  check_training<nets::TwoFlattens, nets::Picture>("two Flattens of one picture");
}

TEST_CASE("a convolution's bias in front of BatchNorm has gradient exactly zero") {
  Fused run = plan_run<nets::SmallHw3, nets::SmallHw3Input, EveryGradient, Cpu<>>(3);
  run.forward(drawn_images(1, 3, run.graph().input.size()), {0, 1, 2}, 3);
  run.backward();
  CHECK(run.gradient(run.graph().parameters[1]) == std::vector<double>(5, 0.0));
}

/// Compares the results of a forward pass for one demand on both backends.
template <class Net, class Input, class DemandTag>
void check_forward(const std::string& name, std::uint64_t seed = 31) {
  INFO(name);
  Fused fused = plan_run<Net, Input, DemandTag, Cpu<>>(4, 2);
  Plain plain = plan_run<Net, Input, DemandTag, Reference<double>>(4);
  const std::vector<double> images = drawn_images(seed, 3, plain.graph().input.size());
  const std::vector<int> labels = drawn_labels(seed, 3, 4);
  CHECK(fused.forward(images, labels, 3) == doctest::Approx(plain.forward(images, labels, 3)).epsilon(1e-5));
  check_close(fused.output(), plain.output());
  if (!DemandTag::demand.input_gradient) return;
  fused.backward(), plain.backward();
  if (plain.plan().demand.input_gradient) check_close(fused.input_gradient(), plain.input_gradient());
}

TEST_CASE("folded predictions, prefixes and input gradients agree with plain layers") {
  check_forward<nets::SmallHw3, nets::SmallHw3Input, Prediction>("HW3 predicts");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, Validation>("HW3 validates");
  check_forward<nets::SmallResNet, nets::SmallResNetInput, Prediction>("ResNet predicts");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, InputGradient>("HW3's input gradient");
  check_forward<nets::SmallResNet, nets::SmallResNetInput, InputGradient>("ResNet's input gradient");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, ForwardPrefix<1>>("after the first convolution");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, ForwardPrefix<2>>("after the first BatchNorm");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, ForwardPrefix<8>>("after the last pool");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, ForwardPrefix<9>>("after Flatten");
  check_forward<nets::SmallHw3, nets::SmallHw3Input, ForwardPrefix<11>>("after a Linear and its ReLU");
  check_forward<nets::FlatThenDropout, nets::Picture, Prediction>("dropout is a view");
  check_forward<nets::ResidualOfFlat, nets::Picture, Prediction>("residual over flattened pictures");
}

/// All fused ops with a convolution, in their depthwise form: with a pool, without ReLU, with ReLU, with a sum, alone.
using DepthwiseNet = Net<33 * 4 * 2, Conv2d<3, 33, 1>, BatchNorm<33>, ReLU, Conv2d<33, 33, 3, Padding<1>, Groups<33>>,
                         BatchNorm<33>, ReLU, MaxPool<2>, Conv2d<33, 33, 3, Padding<1>, NoBias, Groups<33>>,
                         BatchNorm<33>, Conv2d<33, 33, 5, Padding<2>, Groups<33>>, BatchNorm<33>, ReLU,
                         Residual<Sequential<Conv2d<33, 33, 3, Padding<1>, Groups<33>>, BatchNorm<33>>>, ReLU,
                         Conv2d<33, 33, 3, Stride<2>, Padding<1>, Groups<33>>>;

TEST_CASE("depthwise fused ops agree with plain layers") {
  CHECK(describe(plan_of<DepthwiseNet, Image<3, 14, 9>, CrossEntropy, Cpu<>, EveryGradient>).find("Conv, depthwise") !=
        std::string::npos);
  check_training<DepthwiseNet, Image<3, 14, 9>>("training", 3, 28);
  check_forward<DepthwiseNet, Image<3, 14, 9>, Prediction>("folded");
}

/// Windows that are not square, are padded at the end only, or extend beyond the image, on every fused op.
using WindowNet = Net<16 * 3 * 2, Conv2d<3, 17, Kernel<3, 5>, Stride<2, 1>, Padding<1, 2>>, BatchNorm<17>, ReLU,
                      MaxPool<2>, Conv2d<17, 33, Kernel<1, 3>, SamePadding>, BatchNorm<33>, ReLU, MaxPool<2, CeilMode>,
                      Conv2d<33, 16, 4, SamePadding, NoBias>, BatchNorm<16>,
                      Residual<Sequential<Conv2d<16, 16, Kernel<3, 1>, Padding<1, 0>>, BatchNorm<16>>>, ReLU,
                      AvgPool<2, Stride<1, 2>, Padding<1>, NoCountIncludePad>>;
using SameNet = Net<32 * 2 * 2, Conv2d<3, 16, 3, SamePadding>, BatchNorm<16>, ReLU, MaxPool<2, CeilMode>,
                    Conv2d<16, 32, 3, SamePadding>, BatchNorm<32>, ReLU, MaxPool<Kernel<2, 1>, SamePadding>,
                    Conv2d<32, 32, 3, Stride<2>, SamePadding, Groups<32>>, BatchNorm<32>, ReLU,
                    AvgPool<3, Stride<1, 2>, SamePadding>>;

TEST_CASE("fused ops agree with plain layers for windows that are not square or not symmetric") {
  const auto description = [](const Plan& plan) { return describe(plan); };
  const std::string windows = description(plan_of<WindowNet, Image<3, 14, 9>, CrossEntropy, Cpu<>, EveryGradient>);
  const std::string same = description(plan_of<SameNet, Image<3, 11, 13>, CrossEntropy, Cpu<>, EveryGradient>);
  CHECK(windows.find("plain loop") == std::string::npos);
  CHECK(windows.find("Conv+BatchNorm+ReLU+MaxPool") < windows.find('\n'));
  CHECK(same.find("plain loop") == std::string::npos);
  CHECK(same.find("Winograd") != std::string::npos);
  CHECK(same.find("depthwise") != std::string::npos);
  check_training<WindowNet, Image<3, 14, 9>>("rectangular windows");
  check_forward<WindowNet, Image<3, 14, 9>, Prediction>("rectangular windows, folded");
  check_training<SameNet, Image<3, 11, 13>>("SamePadding and CeilMode");
  check_forward<SameNet, Image<3, 11, 13>, Prediction>("SamePadding and CeilMode, folded");
}

/// An activation from outside the library: torch.nn.Softsign.
inline constexpr Kind softsign{"Softsign"};
struct Softsign : Elementwise {
  static constexpr const Kind& kind = softsign;
  static constexpr bool monotone = true;
  template <class T>
  static T f(T x) {
    return x / (T(1) + std::abs(x));
  }
  template <class T>
  static T df(T x) {
    return T(1) / ((T(1) + std::abs(x)) * (T(1) + std::abs(x)));
  }
};

/// Every fused op with an activation, and readers of what it defers: a convolution with padding, a pool, a sum, a view.
template <class A>
using ActivationNet =
    Sequential<Conv2d<3, 17, 3, Padding<1>>, BatchNorm<17>, A, MaxPool<2>, Conv2d<17, 33, 3, Padding<1>>, BatchNorm<33>,
               A, Conv2d<33, 17, 3, Padding<1>>, A, Conv2d<17, 17, 1>, A,
               Residual<Sequential<Conv2d<17, 17, 3, Padding<1>>, BatchNorm<17>>>, A,
               Conv2d<17, 17, 3, Padding<1>, Groups<17>>, BatchNorm<17>, A,
               Residual<Sequential<Conv2d<17, 17, 1>, BatchNorm<17>>, Sequential<Conv2d<17, 17, 1>, BatchNorm<17>>>, A,
               Conv2d<17, 5, 3, Padding<1>>, A, Flatten, Linear<5 * 4 * 5, 9>, A, Linear<9, 4>>;
using ActivationInput = Image<3, 9, 11>;

template <class A, class DemandTag = TrainingStep>
std::string activation_plan() {
  return describe(plan_of<ActivationNet<A>, ActivationInput, CrossEntropy, Cpu<>, DemandTag>);
}

template <class A>
void check_activation(const std::string& name) {
  INFO(name);
  const bool pools = activation_of<A>()->monotone;
  const std::string training = activation_plan<A>(), inference = activation_plan<A, Prediction>();
  for (const char* op : {"Conv+BatchNorm+%, Winograd: ", "Conv+%: ", "Conv+BatchNorm+Add+%: ", "Linear+%: "}) {
    std::string expected(op);
    expected.replace(expected.find('%'), 1, name);
    CHECK(training.find(expected) != std::string::npos);
  }
  for (const char* op :
       {"Conv+BatchNorm+%, folded, Winograd: ", "Conv+%, packed: ", "Conv+BatchNorm+Add+%, folded: "}) {
    std::string expected(op);
    expected.replace(expected.find('%'), 1, name);
    CHECK(inference.find(expected) != std::string::npos);
  }
  CHECK((training.find("Conv+BatchNorm+" + name + "+MaxPool, Gram") != std::string::npos) == pools);
  CHECK((inference.find("Conv+BatchNorm+" + name + "+MaxPool, folded") != std::string::npos) == pools);
  for (const std::string& plan : {training, inference, activation_plan<A, InputGradient>()})
    CHECK(plan.find("[plain loop]") == std::string::npos);

  check_training<ActivationNet<A>, ActivationInput>("training");
  check_training<ActivationNet<A>, ActivationInput, TrainingStep>("training without the input's gradient", 4, 22);
  check_training<ActivationNet<A>, ActivationInput, EveryGradientInEvaluation>("gradients in evaluation mode", 2, 23);
  check_forward<ActivationNet<A>, ActivationInput, Prediction>("prediction");
  check_forward<ActivationNet<A>, ActivationInput, InputGradient>("the input's gradient");
  using PooledLast = Sequential<Conv2d<3, 17, 3, Padding<1>>, BatchNorm<17>, A, MaxPool<2>, Flatten, Linear<340, 4>>;
  check_training<PooledLast, ActivationInput>("a gradient that comes from a view");
  check_training<PooledLast, ActivationInput, TrainingStep>("the same for the first layer");
}

TEST_CASE("activations are fused and agree with plain layers") {
  check_activation<ReLU>("ReLU");
  check_activation<LeakyReLU<>>("LeakyReLU");
  check_activation<LeakyReLU<Slope<-1, 4>>>("LeakyReLU");
  check_activation<SiLU>("SiLU");
  check_activation<Hardswish>("Hardswish");
  check_activation<GELU>("GELU");
  check_activation<GELUTanh>("GELUTanh");
  check_activation<Sigmoid>("Sigmoid");
  check_activation<Tanh>("Tanh");
}

TEST_CASE("an activation from outside the library is fused like the library's own") {
  check_activation<Softsign>("Softsign");
}

TEST_CASE("a convolution and its ReLU that end in the plan's output are not fused: backward would overwrite it") {
  using Ends = Sequential<Conv2d<3, 4, 3>, ReLU, Flatten>;
  const std::string plan = describe(plan_of<Ends, Image<3, 3, 3>, CrossEntropy, Cpu<>, TrainingStep>);
  CHECK(plan.find("Conv+ReLU") == std::string::npos);
  check_training<Ends, Image<3, 3, 3>>("Conv, ReLU, Flatten");
  check_training<Sequential<Conv2d<3, 4, 3>, SiLU, Flatten>, Image<3, 3, 3>>("Conv, SiLU, Flatten");
}

/// A forward pass in training mode that ends in a deferred value, which only a prefix can.
struct TrainingPrefix {
  static constexpr Demand demand{.parameter_gradients = false, .loss = false, .prefix = 3};
};

TEST_CASE("a plan that ends in a deferred value outputs it with the affine and ReLU applied") {
  check_forward<nets::SmallHw3, nets::SmallHw3Input, TrainingPrefix>("Conv+BatchNorm+ReLU");
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// Outputs and gradients of n samples, concatenated.
std::vector<double> step_numbers(Fused& run, const std::vector<double>& images, const std::vector<int>& labels, int n,
                                 float poison) {
  run.poison = poison;
  std::vector<double> all{run.forward(images, labels, n)};
  const auto add = [&](const std::vector<double>& more) { all.insert(all.end(), more.begin(), more.end()); };
  add(run.output());
  run.backward();
  add(run.input_gradient());
  for (int k = 0; k < run.graph().parameter_count; ++k)
    if (!run.graph().parameters[k].buffer) add(run.gradient(run.graph().parameters[k]));
  return all;
}

/// Checks that the results depend neither on memory beyond sample n, nor on unwritten memory, nor on the capacity.
template <class Net, class Input>
void check_partial(const std::string& name) {
  INFO(name);
  Fused roomy = plan_run<Net, Input, EveryGradient, Cpu<>>(9), exact = plan_run<Net, Input, EveryGradient, Cpu<>>(6);
  const std::vector<double> images = drawn_images(41, 6, roomy.graph().input.size());
  const std::vector<int> labels = drawn_labels(41, 6, int(roomy.graph().dims(roomy.graph().logits_nodes()).size()));
  const std::vector<double> poisoned = step_numbers(roomy, images, labels, 6, std::numeric_limits<float>::quiet_NaN());
  CHECK(same_bits(poisoned, step_numbers(roomy, images, labels, 6, 1e30f)));
  CHECK(same_bits(poisoned, step_numbers(exact, images, labels, 6, std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::all_of(poisoned.begin(), poisoned.end(), [](double number) { return std::isfinite(number); }));
}

TEST_CASE("a partial batch reads nothing beyond its samples") {
  check_partial<nets::SmallHw3, nets::SmallHw3Input>("HW3");
  check_partial<nets::SmallResNet, nets::SmallResNetInput>("ResNet");
  check_partial<nets::ConcatOfFlat, nets::Picture>("concat of flattened pictures");
}

/// Checks predictions of each sample alone, and of all samples in reverse order.
template <class Net, class Input>
void check_predictions(int capacity) {
  Fused run = plan_run<Net, Input, Prediction, Cpu<>>(capacity, 2);
  const std::size_t size = std::size_t(run.graph().input.size()), classes = 4;
  const std::vector<double> images = drawn_images(42, capacity, long(size));
  run.forward(images, {}, capacity);
  const std::vector<double> together = run.output();
  std::vector<double> reversed;
  for (int i = capacity - 1; i >= 0; --i)
    reversed.insert(reversed.end(), images.begin() + i * long(size), images.begin() + (i + 1) * long(size));
  run.forward(reversed, {}, capacity);
  const std::vector<double> backwards = run.output();
  for (std::size_t i = 0; i < std::size_t(capacity); ++i) {
    run.forward({images.begin() + long(i * size), images.begin() + long((i + 1) * size)}, {}, 1);
    const std::vector<double> alone = run.output();
    CHECK(std::memcmp(alone.data(), &together[i * classes], classes * sizeof(double)) == 0);
    CHECK(std::memcmp(alone.data(), &backwards[(std::size_t(capacity) - 1 - i) * classes], classes * sizeof(double)) ==
          0);
  }
}

TEST_CASE("a sample's prediction depends on no other sample") {
  check_predictions<nets::SmallHw3, nets::SmallHw3Input>(4);
  check_predictions<nets::SmallHw3, nets::SmallHw3Input>(13);
  check_predictions<nets::SmallResNet, nets::SmallResNetInput>(13);
}

TEST_CASE("NaN comes out of activations and max pooling as NaN") {
  using Rectified = Sequential<Conv2d<3, 17, 1>, ReLU, MaxPool<2>, Flatten>;
  using Normalised = Sequential<Conv2d<3, 17, 1>, BatchNorm<17>, ReLU, MaxPool<2>, Flatten>;
  const auto check = [](Fused run) {
    std::vector<double> images = drawn_images(43, 1, 3 * 4 * 4);
    images[5] = std::numeric_limits<double>::quiet_NaN();  // row 1, column 1: the first window
    run.forward(images, {}, 1);
    const std::vector<double> y = run.output();  // (17, 2, 2)
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i % 4 == 0));
  };
  check(plan_run<Rectified, Image<3, 4, 4>, Prediction, Cpu<>>(1));
  check(plan_run<Normalised, Image<3, 4, 4>, Prediction, Cpu<>>(1));
  const auto check_activation = [&]<class A>(A) {
    check(plan_run<Sequential<Conv2d<3, 17, 1>, A, MaxPool<2>, Flatten>, Image<3, 4, 4>, Prediction, Cpu<>>(1));
    check(plan_run<Sequential<Conv2d<3, 17, 1>, BatchNorm<17>, A, MaxPool<2>, Flatten>, Image<3, 4, 4>, Prediction,
                   Cpu<>>(1));
    check(plan_run<Sequential<Conv2d<3, 17, 1>, A, MaxPool<2>, Flatten>, Image<3, 4, 4>, InputGradient, Cpu<>>(1));
    using OneByOne = Sequential<MaxPool<2>, A, Conv2d<3, 17, 1>, Flatten>;
    check(plan_run<OneByOne, Image<3, 4, 4>, Prediction, Cpu<>>(1));
  };
  check_activation(LeakyReLU<>{}), check_activation(SiLU{}), check_activation(Hardswish{}), check_activation(GELU{});
  check_activation(GELUTanh{}), check_activation(Sigmoid{}), check_activation(Tanh{}), check_activation(Softsign{});
  Fused training = plan_run<Normalised, Image<3, 4, 4>, EveryGradient, Cpu<>>(1);
  std::vector<double> images = drawn_images(43, 1, 3 * 4 * 4);
  images[5] = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(training.forward(images, {0}, 1)));  // it spreads to all samples through the batch statistics
  for (double y : training.output()) CHECK(std::isnan(y));
}

}  // namespace
