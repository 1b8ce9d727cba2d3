// Compile-time tests of the example networks: parameter counts, MACs, memory, and the structure of their plans.
// Compiling this file is the test. Parameter counts are PyTorch's sum(p.numel() for p in net.parameters() if
// p.requires_grad); MACs are derived in the comments.
#include "../../examples/networks/hw3_classifier.hpp"
#include "../../examples/networks/resnet.hpp"
#include "../plan/plan_properties.hpp"

namespace {

using namespace tinycnn;
using namespace plan_properties;
using networks::Classifier, networks::CourseResNet18, networks::ResNet18, networks::ResNet50;

using Picture = Image<3, 128, 128>;
using Backend = Cpu<cpu::Avx512>;  // fixed, so that compiler flags do not change the plans

template <class Net, class DemandTag = TrainingStep, class Input = Picture>
constexpr const Plan& plan = plan_of<Net, Input, CrossEntropy, Backend, DemandTag>;
template <class Net>
constexpr const Graph& graph = graph_of<Net, Picture, CrossEntropy>;
template <class Net, int N>
using Training = Trainer<Net, Picture, Batch<N>, CrossEntropy, Adam, Constant, Backend>;

static_assert(graph<Classifier>.trained == 12'833'803);
static_assert(graph<CourseResNet18>.trained == 11'186'955);
static_assert(graph<ResNet18>.trained == 11'182'155);  // torchvision.models.resnet18(num_classes=11)
static_assert(graph<ResNet50>.trained == 23'530'571);

// Five 3x3 convolutions, each followed by halving the image, then 8192 x 1024 + 1024 x 512 + 512 x 11.
constexpr long hw3_convolutions =
    9L * (128 * 128 * 3 * 64 + 64 * 64 * 64 * 128 + 32 * 32 * 128 * 256 + 16 * 16 * 256 * 512 + 8 * 8 * 512 * 512);
static_assert(graph<Classifier>.macs == hw3_convolutions + 8192L * 1024 + 1024 * 512 + 512 * 11);
static_assert(graph<Classifier>.macs == 1'094'194'688);
static_assert(graph<CourseResNet18>.macs == 592'188'928);

static_assert(Training<Classifier, 64>::arena_bytes <= 450'000'000);
static_assert(Training<CourseResNet18, 64>::arena_bytes <= 350'000'000);
static_assert(Training<Classifier, 64>::workspace_bytes <= 90'000'000);  // Winograd's spectra
static_assert(Training<CourseResNet18, 64>::workspace_bytes <= 90'000'000);

// All capacities have the same plan.
static_assert(Training<Classifier, 1>::plan.steps == Training<Classifier, 64>::plan.steps);

// One deferred affine is applied by a step: before HW3's Flatten. The overlapping pool of ResNet's stem accepts a
// deferred input.
constexpr int hw3_apply_deferred = position_of(plan<Classifier>, "apply deferred");
static_assert(count_ops(plan<Classifier>, "apply deferred") == 1 && hw3_apply_deferred == 5);
static_assert(plan<Classifier>.steps[hw3_apply_deferred].layers[0] == 19 &&
              graph<Classifier>.layers[20].kind == &flatten);
static_assert(count_ops(plan<CourseResNet18>, "apply deferred") == 0);
static_assert(count_ops(plan<Classifier, Prediction>, "apply deferred") == 0);
static_assert(count_ops(plan<CourseResNet18, Prediction>, "apply deferred") == 0);

// If a deferred value has one reader, that reader masks and reduces its gradient: in HW3's first four blocks (the
// reader of the fifth is a Linear layer), and for the first convolution of each block of ResNet.
constexpr int count_reductions(const Plan& p) {
  int count = 0;
  for (int i = p.forward_count; i < p.step_count; ++i) {
    if (p.steps[i].reduces_for < 0) continue;
    const Step& consumer = p.steps[p.steps[i].reduces_for];
    if (!consumer.reduced || consumer.y != p.steps[i].x || consumer.dy != p.steps[i].dx || p.steps[i].reduces_for <= i)
      return -1;
    ++count;
  }
  return count;
}
static_assert(count_reductions(plan<Classifier>) == 4);
static_assert(count_reductions(plan<CourseResNet18>) == 8);

// The algorithm of a convolution on 16x16 pixels depends on its shape only, unless an option overrides it.
template <class Conv, int Size = 16, class Convolution = cpu::DenseConvolution<cpu::Native>>
constexpr cpu::Algorithm algorithm_of() {
  Layer l;
  l.options = Conv::options;
  l.in = {Conv::in_channels, Size, Size, false};
  l.out = Conv::output(l.in);
  return Convolution::of(l).algorithm;
}
template <int In, int Out, int Kernel, class... Options>
struct Conv : Conv2d<In, Out, Kernel, Options...> {
  static constexpr int in_channels = In;
};
using enum cpu::Algorithm;
static_assert(algorithm_of<Conv<64, 128, 3, Padding<1>>>() == winograd);
static_assert(algorithm_of<Conv<64, 128, 3, Padding<1>>, 2>() == direct);    // a tile of 4x4 for four pixels
static_assert(algorithm_of<Conv<64, 128, 3, Padding<1>>, 5>() == winograd);  // 144 products for 225
static_assert(algorithm_of<Conv<3, 64, 3, Padding<1>>>() == direct);         // too few channels
static_assert(algorithm_of<Conv<64, 128, 3, Stride<2>, Padding<1>>>() == direct);
static_assert(algorithm_of<Conv<64, 128, 3, Dilation<2>, Padding<2>>>() == direct);
static_assert(algorithm_of<Conv<64, 128, 3, Groups<2>, Padding<1>>>() == direct);
static_assert(algorithm_of<Conv<64, 128, 5, Padding<2>>>() == direct);
static_assert(algorithm_of<Conv<64, 128, 1>>() == direct);
static_assert(algorithm_of<Conv<64, 128, 3, Padding<1>, NoWinograd>>() == direct);
static_assert(algorithm_of<Conv<64, 128, 3, Padding<1>>, 16, cpu::DenseConvolution<cpu::Native, false>>() == direct);

// The arena has the least possible size: that of all values that are needed at the same step.
static_assert(plan<Classifier>.per_sample == lower_bound(plan<Classifier>));
static_assert(plan<CourseResNet18>.per_sample == lower_bound(plan<CourseResNet18>));
static_assert(plan<ResNet50>.per_sample == lower_bound(plan<ResNet50>));
// In inference these are only the input and output of one layer: two alternating buffers.
static_assert(plan<Classifier, Prediction>.per_sample == 4 * (64 * 64 * 64 + 128 * 32 * 32));
static_assert(plan<CourseResNet18, Prediction>.per_sample == 4 * (64 * 64 * 64 + 64 * 32 * 32));

static_assert(is_sound(plan<Classifier>));
static_assert(is_sound(plan<CourseResNet18>));
static_assert(is_sound(plan<ResNet18>));

// A plan for a backend without the needed kernel names the layer.
struct NoPools : Reference<> {
  using FusedOps = tinycnn::FusedOps<reference::Conv2dOp, reference::BatchNormOp, reference::ReluOp>;
};
static_assert(plan_of<Classifier, Picture, CrossEntropy, NoPools, Prediction>.missing == 3);

// Views need no memory: Flatten shares that of the image, and Dropout shares that of its input in inference.
using Dropped = Sequential<Conv2d<3, 4, 3>, Dropout<>, Flatten, Linear<16, 3>>;
template <class DemandTag>
constexpr const Plan& dropped = plan_of<Dropped, Image<3, 4, 4>, CrossEntropy, Backend, DemandTag>;
static_assert(dropped<TrainingStep>.values[2].root == 2 && dropped<TrainingStep>.values[3].root == 2);
static_assert(dropped<Prediction>.values[2].root == 1 && dropped<Prediction>.values[3].root == 1);
static_assert(dropped<Prediction>.step_count == 2);

}  // namespace
