// All gradients of Reference<double> compared with central finite differences of the mean loss: of each layer, of
// joins, of whole networks, and of networks with shared values and gradients.
#include <doctest/doctest.h>

#include <algorithm>

#include "../support/nets.hpp"
#include "../support/plan_run.hpp"

namespace {

using namespace tinycnn;
using Run = PlanRun<Reference<double>>;

/// Checks d loss / d number against `expected`, with decreasing steps h, so that one of them does not cross a kink. The
/// error of a central difference is of order h^2 plus rounding divided by h; 1e-6 of `scale` allows for the first.
template <class Loss>
void check_derivative(double& number, double expected, double scale, const Loss& loss) {
  const double at = number;
  double difference = 0;
  bool close = false;
  for (double h : {1e-5, 1e-6, 1e-7}) {
    number = at + h;
    const double above = loss();
    number = at - h;
    const double below = loss();
    number = at;
    difference = (above - below) / (2 * h);
    close = close || std::abs(difference - expected) <= 1e-6 * std::max(scale, std::abs(difference)) + 2e-15 / h;
    if (close) break;
  }
  CAPTURE(expected);
  CAPTURE(difference);
  CHECK(close);
}

double largest(const std::vector<double>& errors) {
  double most = 1e-3;
  for (double v : errors) most = std::max(most, std::abs(v));
  return most;
}

/// Checks all gradients of a network for one batch of n samples; of large tensors, only every few elements.
void check_gradients(Run run, int n, std::uint64_t seed) {
  const Graph& g = run.graph();
  const int classes = int(g.dims(g.logits_nodes()).size());
  std::vector<double> images = drawn_images(seed, n, g.input.size());
  const std::vector<int> labels = drawn_labels(seed, n, classes);
  run.draw_parameters(seed);
  const auto loss = [&] { return run.forward(images, labels, n); };

  loss();
  run.backward();
  const std::vector<double> dx = run.input_gradient();
  std::vector<std::vector<double>> gradients;
  for (int k = 0; k < g.parameter_count; ++k)
    gradients.push_back(g.parameters[k].buffer ? std::vector<double>{} : run.gradient(g.parameters[k]));

  for (int k = 0; k < g.parameter_count; ++k) {
    const Parameter& p = g.parameters[k];
    INFO(parameter_name(g, p));
    const std::vector<double>& dp = gradients[std::size_t(k)];
    const std::size_t stride = dp.size() / 40 + 1;
    for (std::size_t i = 0; i < dp.size(); i += stride)
      check_derivative(run.state().at(p, long(i)), dp[i], largest(dp), loss);
  }
  INFO("images");
  for (std::size_t i = 0; i < dx.size(); i += dx.size() / 60 + 1) check_derivative(images[i], dx[i], largest(dx), loss);
}

template <class Net, class Input>
void check_net(const std::string& name, int n = 3, std::uint64_t seed = 11) {
  INFO(name);
  check_gradients(plan_run<Net, Input, EveryGradient, Reference<double>>(4), n, seed);
}

// Tests a layer between others: pictures of 5 x 7 pixels before it, flat features after it.
template <class Layer, int Features, class Input = Image<3, 5, 7>>
void check_layer(const std::string& name, int n = 3) {
  check_net<Sequential<Layer, Flatten, Linear<Features, 3>>, Input>(name, n);
}

TEST_CASE("gradients of every layer agree with finite differences") {
  check_layer<Conv2d<3, 4, 3>, 4 * 3 * 5>("convolution");
  check_layer<Conv2d<3, 4, 3, Padding<1>>, 4 * 5 * 7>("convolution of one sample", 1);
  check_layer<Conv2d<3, 2, 5, Stride<3>, Padding<2>, NoBias>, 2 * 2 * 3>("stride 3, no bias");
  check_layer<Conv2d<4, 6, 3, Dilation<2>, Padding<2>, Groups<2>>, 6 * 5 * 7, Image<4, 5, 7>>("groups, dilation");
  check_layer<Conv2d<3, 5, 1>, 5, Image<3, 1, 1>>("1 x 1 of 1 x 1");
  check_layer<BatchNorm<3>, 3 * 5 * 7>("batch norm");
  check_layer<BatchNorm<3>, 3 * 5 * 7>("batch norm of one sample", 1);
  check_layer<BatchNorm<5, Epsilon<1, 100>>, 5, Image<5, 1, 1>>("batch norm of 1 x 1");
  check_layer<ReLU, 3 * 5 * 7>("ReLU");
  check_layer<LeakyReLU<>, 3 * 5 * 7>("LeakyReLU");
  check_layer<LeakyReLU<Slope<-1, 3>>, 3 * 5 * 7>("LeakyReLU that is not monotone");
  check_layer<SiLU, 3 * 5 * 7>("SiLU");
  check_layer<Sequential<Conv2d<3, 3, 5, Padding<2>>, Hardswish>, 3 * 5 * 7>("Hardswish");
  check_layer<GELU, 3 * 5 * 7>("GELU");
  check_layer<GELUTanh, 3 * 5 * 7>("GELU with tanh");
  check_layer<Sigmoid, 3 * 5 * 7>("Sigmoid");
  check_layer<Tanh, 3 * 5 * 7>("Tanh");
  check_layer<MaxPool<2>, 3 * 2 * 3>("max pool with uncovered rows and columns");
  check_layer<MaxPool<3, Stride<2>, Padding<1>>, 3 * 3 * 4>("overlapping max pool");
  check_layer<MaxPool<2, Dilation<3>>, 3 * 1 * 2>("dilated max pool");
  check_layer<AvgPool<3, Stride<2>, Padding<1>>, 3 * 3 * 4>("average pool");
  check_layer<Conv2d<3, 2, Kernel<2, 4>, Stride<2, 1>, SamePadding>, 2 * 3 * 7>("rectangular convolution");
  check_layer<MaxPool<Kernel<2, 3>, CeilMode>, 3 * 3 * 3>("max pool beyond the image");
  check_layer<AvgPool<3, Stride<2>, Padding<1, 0>, CeilMode, NoCountIncludePad>, 3 * 3 * 3>("average pool, uneven");
  check_layer<GlobalAvgPool, 3>("global average pool");
  check_layer<Dropout<Percent<40>>, 3 * 5 * 7>("dropout");
  check_layer<Identity, 3 * 5 * 7>("identity");
  check_net<Sequential<Linear<7, 5>, BatchNorm<5>, ReLU, Linear<5, 3, NoBias>>, Features<7>>("rows");
  check_net<Linear<7, 3>, Features<7>>("one linear layer of one sample", 1);
  check_net<Identity, Features<5>>("the loss alone");
}

TEST_CASE("gradients of whole networks agree with finite differences") {
  check_net<nets::SmallHw3, nets::SmallHw3Input>("small HW3");
  check_net<nets::SmallHw3, nets::SmallHw3Input>("small HW3, full batch", 4, 12);
  check_net<nets::SmallResNet, nets::SmallResNetInput>("small ResNet", 4, 13);
}

TEST_CASE("gradients that are shared agree with finite differences") {
  nets::for_hard_nets([]<class Net, class Input>(const char* name) { check_net<Net, Input>(name); });
}

TEST_CASE("gradients in evaluation mode agree with finite differences") {
  check_gradients(plan_run<nets::SmallResNet, nets::SmallResNetInput, EveryGradientInEvaluation, Reference<double>>(2),
                  1, 14);
}

}  // namespace
