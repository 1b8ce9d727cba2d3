// MaxPool: the largest value of each window; ties go to the first index, NaN wins, as in PyTorch.
#pragma once

#include <tinycnn/layers/pooling.hpp>

namespace tinycnn {

inline constexpr Kind max_pool{"MaxPool"};

/// torch.nn.MaxPool2d(Kernel, ...). Options: Stride<Kernel>, Padding<0> (of -inf), Dilation<1>.
template <int Kernel, class... Choices>
struct MaxPool : Pooling<Kernel, stride_option | padding_option | dilation_option, Choices...> {
  static constexpr const Kind& kind = max_pool;
};

}  // namespace tinycnn
