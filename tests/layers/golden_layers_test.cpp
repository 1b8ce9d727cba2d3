// Single layers and small blocks on every backend compared with PyTorch in double (golden/layers.safetensors,
// golden/windows.safetensors).
#include <doctest/doctest.h>

#include <string>

#include "../../examples/networks/resnet.hpp"
#include "../support/close.hpp"
#include "../support/golden.hpp"
#include "../support/layer_run.hpp"

namespace {

using namespace tinycnn;

// Limits for the rms of the error relative to the rms of the result. In double they allow only rounding; in f32 they
// are the limits that every kernel guarantees.
struct Bounds {
  double y, dx, dw, buffers;
};
constexpr Bounds in_double{1e-12, 1e-12, 1e-12, 1e-12};
constexpr Bounds in_float{5e-6, 5e-6, 2e-5, 5e-6};

template <class Backend>
constexpr Bounds bounds_of = sizeof(typename Backend::Compute) == 8 ? in_double : in_float;

LayerInputs inputs_of(const std::string& name) {
  static const Golden layers("layers"), windows("windows");
  const Golden& file = layers.has(name + "/x") ? layers : windows;
  LayerInputs given;
  for (const TensorEntry& entry : file.entries())
    if (entry.name.compare(0, name.size() + 1, name + '/') == 0)
      given.state.push_back({entry.name.substr(name.size() + 1), file.values(entry.name)});
  given.x = given.of("x");
  if (file.has(name + "/dy")) given.dy = given.of("dy");
  if (file.has(name + "/labels")) given.labels = file.labels(name + "/labels");
  return given;
}

/// Compares y, dx, the gradients of all parameters and, in training, all buffers after the step.
template <class Backend, class Net, class Input, class DemandTag = EveryGradient>
void check_layer(const std::string& name) {
  const Bounds bounds = bounds_of<Backend>;
  const LayerInputs given = inputs_of(name);
  const LayerValues got = run_layer<Backend, Net, Input, UpstreamLoss, DemandTag>(given);
  check_close(name + "/y", got.y, given.of("y"), bounds.y);
  check_close(name + "/dx", got.dx, given.of("dx"), bounds.dx);
  for (const NamedValues& dw : got.gradients)
    check_close(name + "/d" + dw.name, dw.values, given.of("d" + dw.name), bounds.dw);
  const bool training = DemandTag::demand.mode == Mode::training;
  for (const NamedValues& b : got.buffers)
    check_close(name + '/' + b.name, b.values, given.of(training ? b.name + "_after" : b.name), bounds.buffers);
  CHECK(got.padding_is_zero);
  // All of PyTorch's tensors were used: x, y, dy, dx, weights with their gradients, buffers before and after.
  CHECK(given.state.size() == 4 + 2 * got.gradients.size() + (training ? 2 : 1) * got.buffers.size());
}

template <class Backend, int In, int Out, auto KernelSize, class Input, class... Options>
void check_conv(const std::string& name) {
  check_layer<Backend, Unnamed<Conv2d<In, Out, KernelSize, Options...>>, Input>(name);
}

struct BranchA : Conv2d<3, 4, 1> {
  static constexpr std::string_view name = "a";
};
struct BranchB : Conv2d<3, 5, 3, Padding<1>> {
  static constexpr std::string_view name = "b";
};

}  // namespace

TEST_CASE_TEMPLATE("PyTorch's numbers: convolutions", Backend, Reference<double>, Cpu<>) {
  check_conv<Backend, 3, 4, 3, Image<3, 7, 9>, Padding<1>>("conv_k3p1");
  check_conv<Backend, 3, 4, 3, Image<3, 4, 5>, Padding<1>, NoBias>("conv_k3p1_nobias");
  check_conv<Backend, 3, 4, 3, Image<3, 7, 9>>("conv_k3p0");
  check_conv<Backend, 4, 5, 1, Image<4, 5, 6>>("conv_k1");
  check_conv<Backend, 4, 5, 1, Image<4, 7, 9>, Stride<2>>("conv_k1s2");
  check_conv<Backend, 3, 4, 3, Image<3, 7, 9>, Stride<2>, Padding<1>>("conv_k3s2p1");
  check_conv<Backend, 2, 3, 5, Image<2, 7, 9>, Stride<2>, Padding<2>>("conv_k5s2p2");
  check_conv<Backend, 3, 4, 3, Image<3, 7, 9>, Padding<2>, Dilation<2>>("conv_k3p2d2");
  check_conv<Backend, 4, 6, 3, Image<4, 7, 9>, Padding<1>, Groups<2>>("conv_k3p1g2");
  check_conv<Backend, 4, 4, 3, Image<4, 7, 9>, Padding<1>, Groups<4>>("conv_depthwise");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: convolutions that differ along rows and columns", Backend, Reference<double>,
                   Cpu<>) {
  check_conv<Backend, 2, 3, Kernel<3, 5>, Image<2, 6, 7>, Stride<2, 1>, Padding<1, 2>>("conv_k3x5");
  check_conv<Backend, 2, 3, Kernel<5, 1>, Image<2, 6, 7>, Stride<1, 3>, Padding<2, 0>>("conv_k5x1");
  check_conv<Backend, 4, 6, Kernel<2, 3>, Image<4, 6, 7>, Stride<1, 2>, Padding<0, 1>, Dilation<2, 1>, Groups<2>>(
      "conv_k2x3g2");
  check_conv<Backend, 4, 5, 1, Image<4, 6, 7>, Stride<2, 3>>("conv_k1s2x3");
  check_conv<Backend, 2, 3, 3, Image<2, 6, 7>, Padding<1, 2>, Dilation<1, 2>>("conv_k3d1x2");
  check_conv<Backend, 2, 3, 3, Image<2, 6, 7>, Padding<1, 2>>("conv_k3p1x2");
  check_conv<Backend, 4, 4, Kernel<3, 5>, Image<4, 6, 7>, Padding<1, 2>, Groups<4>>("conv_depthwise_k3x5");
  check_conv<Backend, 2, 3, 4, Image<2, 6, 7>, SamePadding>("conv_k4same");
  check_conv<Backend, 2, 3, 3, Image<2, 6, 7>, Stride<2>, SamePadding>("conv_k3s2same");
  check_conv<Backend, 2, 3, Kernel<2, 5>, Image<2, 6, 7>, Stride<3, 2>, Dilation<2, 1>, SamePadding>("conv_k2x5same");
  check_conv<Backend, 4, 4, 3, Image<4, 6, 7>, Stride<2>, SamePadding, Groups<4>>("conv_depthwise_k3s2same");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: pools that differ along rows and columns or reach beyond the padding", Backend,
                   Reference<double>, Cpu<>) {
  check_layer<Backend, MaxPool<3, Stride<2>, Padding<1>, CeilMode>, Image<2, 6, 6>>("maxpool_ceil6");
  check_layer<Backend, MaxPool<2, Stride<3>, Padding<1>, CeilMode>, Image<2, 4, 4>>("maxpool_ceil4");
  check_layer<Backend, MaxPool<2, CeilMode>, Image<2, 6, 7>>("maxpool_k2ceil");
  check_layer<Backend, MaxPool<Kernel<2, 3>, Stride<1, 2>, Padding<1>, Dilation<2, 1>, CeilMode>, Image<2, 6, 7>>(
      "maxpool_k2x3");
  check_layer<Backend, MaxPool<Kernel<3, 2>, Stride<2, 3>, SamePadding>, Image<2, 6, 7>>("maxpool_same");
  check_layer<Backend, AvgPool<3, Stride<2>, Padding<1>, CeilMode>, Image<2, 6, 6>>("avgpool_ceil6");
  check_layer<Backend, AvgPool<2, Stride<3>, Padding<1>, CeilMode>, Image<2, 4, 4>>("avgpool_ceil4");
  check_layer<Backend, AvgPool<Kernel<3, 2>, Stride<2, 3>, Padding<1, 0>>, Image<2, 6, 7>>("avgpool_k3x2");
  check_layer<Backend, AvgPool<3, Stride<2>, Padding<1>, NoCountIncludePad>, Image<2, 6, 7>>("avgpool_nopad");
  check_layer<Backend, AvgPool<Kernel<3, 2>, Stride<2, 3>, Padding<1>, CeilMode, NoCountIncludePad>, Image<2, 6, 6>>(
      "avgpool_nopad_ceil");
  check_layer<Backend, AvgPool<Kernel<3, 2>, Stride<2, 1>, SamePadding>, Image<2, 6, 7>>("avgpool_same");
  check_layer<Backend, AvgPool<Kernel<3, 2>, Stride<2, 1>, SamePadding, NoCountIncludePad>, Image<2, 6, 7>>(
      "avgpool_same_nopad");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: BatchNorm", Backend, Reference<double>, Cpu<>) {
  check_layer<Backend, Unnamed<BatchNorm<4>>, Image<4, 3, 5>>("bn2d_train");
  check_layer<Backend, Unnamed<BatchNorm<4>>, Image<4, 3, 5>, EveryGradientInEvaluation>("bn2d_eval");
  check_layer<Backend, Unnamed<BatchNorm<6>>, Features<6>>("bn1d_train");
  check_layer<Backend, Unnamed<BatchNorm<6>>, Features<6>, EveryGradientInEvaluation>("bn1d_eval");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: ReLU, pooling, Flatten", Backend, Reference<double>, Cpu<>) {
  check_layer<Backend, ReLU, Image<3, 4, 5>>("relu");
  check_layer<Backend, MaxPool<2>, Image<3, 7, 9>>("maxpool_k2");
  check_layer<Backend, MaxPool<3, Stride<2>, Padding<1>>, Image<3, 7, 9>>("maxpool_k3s2p1");
  check_layer<Backend, MaxPool<2>, Image<3, 6, 8>>("maxpool_k2_ties");
  check_layer<Backend, AvgPool<2>, Image<3, 7, 9>>("avgpool_k2");
  check_layer<Backend, AvgPool<3, Stride<2>, Padding<1>>, Image<3, 7, 9>>("avgpool_k3s2p1");
  check_layer<Backend, GlobalAvgPool, Image<3, 7, 9>>("global_avgpool");
  check_layer<Backend, Flatten, Image<3, 2, 4>>("flatten");
}

/// An activation alone and behind the layers that are fused with it.
template <class Backend, class Activation>
void check_activation(const std::string& name) {
  check_layer<Backend, Activation, Image<3, 5, 7>>(name);
  check_layer<Backend, Sequential<Conv2d<3, 5, 3, Padding<1>>, Activation>, Image<3, 5, 7>>("conv_" + name);
  check_layer<Backend, Sequential<Conv2d<3, 5, 3, Padding<1>, NoBias>, BatchNorm<5>, Activation>, Image<3, 5, 7>>(
      "conv_bn_" + name);
  check_layer<Backend, Sequential<Linear<7, 5>, Activation>, Features<7>>("linear_" + name);
}

TEST_CASE_TEMPLATE("PyTorch's numbers: activations", Backend, Reference<double>, Cpu<>) {
  check_activation<Backend, LeakyReLU<>>("leaky_relu");
  check_activation<Backend, LeakyReLU<Slope<1, 5>>>("leaky_relu_fifth");
  check_activation<Backend, SiLU>("silu");
  check_activation<Backend, Hardswish>("hardswish");
  check_activation<Backend, GELU>("gelu");
  check_activation<Backend, GELUTanh>("gelu_tanh");
  check_activation<Backend, Sigmoid>("sigmoid");
  check_activation<Backend, Tanh>("tanh");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: Linear", Backend, Reference<double>, Cpu<>) {
  check_layer<Backend, Unnamed<Linear<7, 5>>, Features<7>>("linear");
  check_layer<Backend, Unnamed<Linear<7, 5, NoBias>>, Features<7>>("linear_nobias");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: residual blocks and concatenation", Backend, Reference<double>, Cpu<>) {
  check_layer<Backend, networks::BasicBlock<4, 4, 1, NoBias>, Image<4, 4, 5>>("residual_identity");
  check_layer<Backend, networks::BasicBlock<3, 5, 2, NoBias>, Image<3, 6, 7>>("residual_downsample");
  check_layer<Backend, Concat<BranchA, BranchB>, Image<3, 4, 5>>("concat");
}

TEST_CASE_TEMPLATE("PyTorch's numbers: cross-entropy, logits of +-80 too", Backend, Reference<double>, Cpu<>) {
  for (const std::string name : {"cross_entropy", "cross_entropy_extreme"}) {
    const LayerInputs given = inputs_of(name);
    const LayerValues got = run_layer<Backend, Identity, Features<11>, CrossEntropy, EveryGradient>(given);
    double sum = 0;
    for (double loss : got.losses) sum += loss;
    check_close(name + "/y", {sum / double(got.losses.size())}, given.of("y"), bounds_of<Backend>.y);
    check_close(name + "/dx", got.dx, given.of("dx"), bounds_of<Backend>.dx);
  }
}
