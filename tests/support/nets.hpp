// Networks that are difficult for the planner: values with several readers, gradients with several contributors, views
// between layers.
#pragma once

#include <tinycnn/tinycnn.hpp>

namespace nets {
using namespace tinycnn;

using Row = Features<6>;
using Picture = Image<3, 5, 4>;

// On flat features.
using TwiceItself = Sequential<Linear<6, 6>, Residual<Identity, Identity>, Linear<6, 3>>;
using TwiceTheInput = Sequential<Residual<Identity, Identity>, Linear<6, 3>>;
using FourTimesItself =
    Sequential<Linear<6, 6>, Residual<Residual<Identity, Identity>, Residual<Identity, Identity>>, Linear<6, 3>>;
using NestedShortcuts = Sequential<Linear<6, 6>, Residual<Residual<Residual<Linear<6, 6>>>>, Linear<6, 3>>;
using NestedLayers =
    Sequential<Residual<Sequential<Residual<Sequential<Linear<6, 6>, ReLU>>, Linear<6, 6>, Residual<Linear<6, 6>>>>,
               Linear<6, 3>>;
/// The operands of the outer sum share a gradient when the first layer of the inner branch adds to one of them.
using NestedPairs =
    Sequential<Linear<6, 6>, Residual<Sequential<Linear<6, 6>, Residual<Sequential<Linear<6, 6>, Linear<6, 6>>>>>,
               Linear<6, 3>>;
using OneAfterTheOther = Sequential<Linear<6, 6>, Residual<Linear<6, 6>>, Residual<Linear<6, 6>>,
                                    Residual<Identity, Identity>, Residual<Linear<6, 6>, Linear<6, 6>>, Linear<6, 3>>;
using SharedReLU = Sequential<Linear<6, 6>, Residual<Sequential<ReLU, Residual<ReLU, Linear<6, 6>>>, ReLU>,
                              Residual<ReLU, ReLU>, Linear<6, 3>>;
using TwiceConcat = Sequential<Linear<6, 6>, Concat<Identity, Identity>, Linear<12, 3>>;
using ThreeBranches =
    Sequential<Linear<6, 6>, Concat<Identity, Linear<6, 5>, Sequential<Linear<6, 4>, ReLU>>, Linear<15, 3>>;
using DroppedBranch = Sequential<Linear<6, 6>, Residual<Sequential<Linear<6, 6>, Dropout<Percent<30>>>>,
                                 Dropout<Percent<20>>, Linear<6, 3>>;
using ResidualLogits = Sequential<Linear<6, 3>, Residual<Linear<3, 3>>>;

// On images.
using ShortcutOfItself =
    Sequential<Conv2d<3, 4, 3, Padding<1>>, Residual<Sequential<Conv2d<4, 4, 3, Padding<1>>, BatchNorm<4>>>, ReLU,
               Flatten, Linear<80, 3>>;
/// The shortcut of the inner block already has a gradient, that of the outer sum, when it adds its own contribution.
using NestedBlocks = Sequential<Residual<Sequential<Residual<Sequential<Conv2d<3, 3, 3, Padding<1>>, BatchNorm<3>>>,
                                                    ReLU, Conv2d<3, 3, 1>, ReLU, Conv2d<3, 3, 3, Padding<1>>>>,
                                Flatten, Linear<60, 3>>;
using ConcatWithInput = Sequential<Concat<Identity, Conv2d<3, 5, 3, Padding<1>>>, ReLU, Flatten, Linear<160, 3>>;
using ConcatOfFlat = Sequential<Concat<Sequential<Conv2d<3, 2, 3, Padding<1>>, Flatten>, Flatten>, Linear<100, 3>>;
using ResidualOfFlat = Sequential<Conv2d<3, 2, 3, Padding<1>>, Flatten, Residual<Linear<40, 40>>, Linear<40, 3>>;
using ResidualOfTwoFlats =
    Sequential<Residual<Sequential<Conv2d<3, 3, 3, Padding<1>>, Flatten>, Flatten>, Linear<60, 3>>;
using FlatThenNorm = Sequential<Conv2d<3, 2, 3, Padding<1>>, Flatten, BatchNorm<40>, ReLU, Linear<40, 3>>;
using FlatThenDropout = Sequential<Conv2d<3, 2, 3, Padding<1>>, BatchNorm<2>, Flatten, Residual<Identity, Identity>,
                                   Dropout<>, Linear<40, 3>>;
using TwoFlattens = Sequential<Conv2d<3, 2, 3, Padding<1>>,
                               Residual<Sequential<Flatten, Linear<40, 3>>, Sequential<Flatten, Linear<40, 3>>>>;

/// A small HW3 network: pooling with uncovered columns, Flatten, three Linear layers.
using SmallHw3 =
    Sequential<Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>, ReLU, MaxPool<2>, Conv2d<5, 7, 3, Padding<1>>, BatchNorm<7>,
               ReLU, MaxPool<2>, Flatten, Linear<28, 9>, ReLU, Linear<9, 6>, ReLU, Linear<6, 4>>;
using SmallHw3Input = Image<3, 11, 9>;
inline constexpr int small_hw3_classes = 4;
template <class Backend>
using SmallHw3Training = Trainer<SmallHw3, SmallHw3Input, Batch<4>, CrossEntropy, Adam, Constant, Backend>;
template <class Backend, class DemandTag = Prediction>
using SmallHw3Predicting = Predictor<SmallHw3, SmallHw3Input, Batch<4>, Backend, DemandTag>;

/// A small residual network: a stem with overlapping pooling, an identity block, a block with downsample, global
/// pooling.
using SmallResNet = Sequential<
    Conv2d<3, 6, 3, Stride<2>, Padding<1>, NoBias>, BatchNorm<6>, ReLU, MaxPool<3, Stride<2>, Padding<1>>,
    Residual<Sequential<Conv2d<6, 6, 3, Padding<1>>, BatchNorm<6>, ReLU, Conv2d<6, 6, 3, Padding<1>>, BatchNorm<6>>>,
    ReLU,
    Residual<Sequential<Conv2d<6, 10, 3, Stride<2>, Padding<1>>, BatchNorm<10>, ReLU, Conv2d<10, 10, 3, Padding<1>>,
                        BatchNorm<10>>,
             Sequential<Conv2d<6, 10, 1, Stride<2>>, BatchNorm<10>>>,
    ReLU, GlobalAvgPool, Flatten, Linear<10, 4>>;
using SmallResNetInput = Image<3, 15, 13>;

/// Calls check<Net, Input>(name) for each network with shared values or views.
template <class Check>
void for_hard_nets(Check check) {
  check.template operator()<TwiceItself, Row>("x + x");
  check.template operator()<TwiceTheInput, Row>("x + x of the input");
  check.template operator()<FourTimesItself, Row>("(x + x) + (x + x)");
  check.template operator()<NestedShortcuts, Row>("nested shortcuts");
  check.template operator()<NestedLayers, Row>("nested residuals");
  check.template operator()<NestedPairs, Row>("nested residuals of two layers");
  check.template operator()<OneAfterTheOther, Row>("residual after residual");
  check.template operator()<SharedReLU, Row>("ReLU of a shared value");
  check.template operator()<TwiceConcat, Row>("concat of x and x");
  check.template operator()<ThreeBranches, Row>("concat of three");
  check.template operator()<DroppedBranch, Row>("dropout in a branch");
  check.template operator()<ResidualLogits, Row>("a sum before the loss");
  check.template operator()<ShortcutOfItself, Picture>("both operands of a sum start from one value");
  check.template operator()<NestedBlocks, Picture>("nested residual blocks");
  check.template operator()<ConcatWithInput, Picture>("concat with the input");
  check.template operator()<ConcatOfFlat, Picture>("concat of flattened pictures");
  check.template operator()<ResidualOfFlat, Picture>("residual over flattened pictures");
  check.template operator()<ResidualOfTwoFlats, Picture>("sum of two flattened pictures");
  check.template operator()<FlatThenNorm, Picture>("batch norm of a flattened picture");
  check.template operator()<FlatThenDropout, Picture>("dropout of a flattened picture");
  check.template operator()<TwoFlattens, Picture>("two Flattens of one picture");
}

}  // namespace nets
