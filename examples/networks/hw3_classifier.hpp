// The network of homework 3: five Conv-BN-ReLU-MaxPool blocks and three Linear layers over 128 x 128 RGB.
#pragma once

#include <tinycnn/tinycnn.hpp>

namespace networks {
using namespace tinycnn;

// clang-format off: a table
inline constexpr int hw3_classes = 11;  // change only this for another number of classes

struct Cnn : Sequential<
    Conv2d<3, 64, 3, Padding<1>>,    BatchNorm<64>,  ReLU, MaxPool<2>,     // (64, 64, 64)
    Conv2d<64, 128, 3, Padding<1>>,  BatchNorm<128>, ReLU, MaxPool<2>,     // (128, 32, 32)
    Conv2d<128, 256, 3, Padding<1>>, BatchNorm<256>, ReLU, MaxPool<2>,     // (256, 16, 16)
    Conv2d<256, 512, 3, Padding<1>>, BatchNorm<512>, ReLU, MaxPool<2>,     // (512, 8, 8)
    Conv2d<512, 512, 3, Padding<1>>, BatchNorm<512>, ReLU, MaxPool<2>> {   // (512, 4, 4)
  static constexpr std::string_view name = "cnn";
};

struct Fc : Sequential<
    Linear<512 * 4 * 4, 1024>, ReLU,
    Linear<1024, 512>,         ReLU,
    Linear<512, hw3_classes>> {
  static constexpr std::string_view name = "fc";
};

struct Classifier : Sequential<Cnn, Flatten, Fc> {};
// clang-format on

}  // namespace networks
