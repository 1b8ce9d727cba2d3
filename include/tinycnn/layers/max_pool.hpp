// MaxPool: the maximum of each window. The first of equal elements is the argmax, and NaN propagates, as in PyTorch.
#pragma once

#include <tinycnn/layers/pooling.hpp>

namespace tinycnn {

inline constexpr Kind max_pool{.name = "MaxPool"};

using MaxPoolOptions = PoolingOptions<DilatedWindowOptions>;

/// Max pooling, torch.nn.MaxPool2d(kernel, ...). x (C, H, W) -> y (C, P, Q), y[c, p, q] = max of x over the window.
/// Options: Stride<kernel>, Padding<0> (with -inf), SamePadding, Dilation<1>, CeilMode.
template <KernelArgument auto KernelSize, class... Choices>
struct MaxPool : Pooling<MaxPoolOptions, KernelSize, Choices...> {
  static constexpr const Kind& kind = max_pool;
};

}  // namespace tinycnn
