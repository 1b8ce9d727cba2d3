// Residual networks (He et al. 2015) under torchvision's names: its ResNet-18 and ResNet-50, and the course's
// ResNet-18.
#pragma once

#include <tinycnn/tinycnn.hpp>

namespace networks {
using namespace tinycnn;

// clang-format off: tables
// Structs with a name give layers the names that they have in torchvision.
template <class Layer> struct Conv1 : Layer { static constexpr std::string_view name = "conv1"; };
template <class Layer> struct Conv2 : Layer { static constexpr std::string_view name = "conv2"; };
template <class Layer> struct Conv3 : Layer { static constexpr std::string_view name = "conv3"; };
template <int C> struct Bn1 : BatchNorm<C> { static constexpr std::string_view name = "bn1"; };
template <int C> struct Bn2 : BatchNorm<C> { static constexpr std::string_view name = "bn2"; };
template <int C> struct Bn3 : BatchNorm<C> { static constexpr std::string_view name = "bn3"; };

/// The 1x1 convolution that changes a shortcut to the output shape of the block.
template <int In, int Out, int S, class... Bias>
struct Downsample : Sequential<Conv2d<In, Out, 1, Stride<S>, Bias...>, BatchNorm<Out>> {
  static constexpr std::string_view name = "downsample";
};

template <int In, int Out, int S, class... Bias>
struct ShortcutOf {
  using type = Downsample<In, Out, S, Bias...>;
};
template <int C, class... Bias>
struct ShortcutOf<C, C, 1, Bias...> {
  using type = Identity;
};

/// The Residual of a block; it adds no level to names: "layer1.0.conv1".
template <class Main, class Shortcut>
struct Sum : Residual<Main, Shortcut> { static constexpr std::string_view name = ""; };

/// Two 3x3 convolutions. Bias is empty, or NoBias.
template <int In, int Out, int S, class... Bias>
struct BasicBlock
    : Sequential<Sum<Sequential<Conv1<Conv2d<In, Out, 3, Stride<S>, Padding<1>, Bias...>>, Bn1<Out>, ReLU,
                                     Conv2<Conv2d<Out, Out, 3, Padding<1>, Bias...>>, Bn2<Out>>,
                          typename ShortcutOf<In, Out, S, Bias...>::type>,
                 ReLU> {};

/// A 1x1 convolution to `Width` channels, a 3x3 one with the stride, and a 1x1 one to four times the width.
template <int In, int Width, int S, class... Bias>
struct Bottleneck
    : Sequential<Sum<Sequential<Conv1<Conv2d<In, Width, 1, Bias...>>, Bn1<Width>, ReLU,
                                     Conv2<Conv2d<Width, Width, 3, Stride<S>, Padding<1>, Bias...>>, Bn2<Width>, ReLU,
                                     Conv3<Conv2d<Width, 4 * Width, 1, Bias...>>, Bn3<4 * Width>>,
                          typename ShortcutOf<In, 4 * Width, S, Bias...>::type>,
                 ReLU> {};

template <class... Blocks> struct Layer1 : Sequential<Blocks...> { static constexpr std::string_view name = "layer1"; };
template <class... Blocks> struct Layer2 : Sequential<Blocks...> { static constexpr std::string_view name = "layer2"; };
template <class... Blocks> struct Layer3 : Sequential<Blocks...> { static constexpr std::string_view name = "layer3"; };
template <class... Blocks> struct Layer4 : Sequential<Blocks...> { static constexpr std::string_view name = "layer4"; };
template <int In, int Out> struct LastLinear : Linear<In, Out> { static constexpr std::string_view name = "fc"; };

/// Four stages of two basic blocks. Bias is empty, or NoBias.
template <class... Bias>
struct EighteenLayers
    : Sequential<Conv1<Conv2d<3, 64, 7, Stride<2>, Padding<3>, Bias...>>, Bn1<64>, ReLU,
                 MaxPool<3, Stride<2>, Padding<1>>,
                 Layer1<BasicBlock<64, 64, 1, Bias...>, BasicBlock<64, 64, 1, Bias...>>,        // (64, H / 4, W / 4)
                 Layer2<BasicBlock<64, 128, 2, Bias...>, BasicBlock<128, 128, 1, Bias...>>,     // (128, H / 8, W / 8)
                 Layer3<BasicBlock<128, 256, 2, Bias...>, BasicBlock<256, 256, 1, Bias...>>,    // (256, H / 16, W / 16)
                 Layer4<BasicBlock<256, 512, 2, Bias...>, BasicBlock<512, 512, 1, Bias...>>,    // (512, H / 32, W / 32)
                 GlobalAvgPool, Flatten, LastLinear<512, 11>> {};

/// torchvision's ResNet-18 with 11 classes.
struct ResNet18 : EighteenLayers<NoBias> {};

/// The course's ResNet-18: torchvision's, with a bias in every convolution.
struct CourseResNet18 : EighteenLayers<> {};

template <int In, int Width, int S>
using Neck = Bottleneck<In, Width, S, NoBias>;

/// torchvision's ResNet-50 with 11 classes.
struct ResNet50
    : Sequential<Conv1<Conv2d<3, 64, 7, Stride<2>, Padding<3>, NoBias>>, Bn1<64>, ReLU, MaxPool<3, Stride<2>, Padding<1>>,
                 Layer1<Neck<64, 64, 1>, Neck<256, 64, 1>, Neck<256, 64, 1>>,
                 Layer2<Neck<256, 128, 2>, Neck<512, 128, 1>, Neck<512, 128, 1>, Neck<512, 128, 1>>,
                 Layer3<Neck<512, 256, 2>, Neck<1024, 256, 1>, Neck<1024, 256, 1>, Neck<1024, 256, 1>, Neck<1024, 256, 1>,
                        Neck<1024, 256, 1>>,
                 Layer4<Neck<1024, 512, 2>, Neck<2048, 512, 1>, Neck<2048, 512, 1>>,
                 GlobalAvgPool, Flatten, LastLinear<2048, 11>> {};

// clang-format on
}  // namespace networks
