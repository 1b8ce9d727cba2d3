// MaxPool: the maximum of each window. The first of equal elements is the argmax, and NaN propagates, as in PyTorch.
#pragma once

#include <tinycnn/layers/pooling.hpp>

namespace tinycnn {

inline constexpr Kind max_pool{"MaxPool"};

/// Max pooling, torch.nn.MaxPool2d(Kernel, ...). x (C, H, W) -> y (C, P, Q), y[c, p, q] = max of x over the window.
/// Options: Stride<Kernel>, Padding<0> (with -inf), Dilation<1>.
template <int Kernel, class... Choices>
struct MaxPool : Pooling<Kernel, stride_option | padding_option | dilation_option, Choices...> {
  static constexpr const Kind& kind = max_pool;
};

}  // namespace tinycnn
