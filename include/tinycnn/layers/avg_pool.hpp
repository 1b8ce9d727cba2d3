// AvgPool: the mean of each window, padding counted as zeros, as torch.nn.AvgPool2d does by default.
#pragma once

#include <tinycnn/layers/pooling.hpp>

namespace tinycnn {

inline constexpr Kind avg_pool{"AvgPool"};

/// torch.nn.AvgPool2d(Kernel, ...) with count_include_pad. Options: Stride<Kernel>, Padding<0>.
template <int Kernel, class... Choices>
struct AvgPool : Pooling<Kernel, stride_option | padding_option, Choices...> {
  static constexpr const Kind& kind = avg_pool;
};

}  // namespace tinycnn
