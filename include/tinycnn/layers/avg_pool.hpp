// AvgPool: the mean of each window; padding counts as zeros.
#pragma once

#include <tinycnn/layers/pooling.hpp>

namespace tinycnn {

inline constexpr Kind avg_pool{"AvgPool"};

/// Average pooling, torch.nn.AvgPool2d(Kernel, ...) with its default count_include_pad=True.
/// x (C, H, W) -> y (C, P, Q), y[c, p, q] = sum of x over the window / Kernel^2. Options: Stride<Kernel>, Padding<0>.
template <int Kernel, class... Choices>
struct AvgPool : Pooling<Kernel, stride_option | padding_option, Choices...> {
  static constexpr const Kind& kind = avg_pool;
};

}  // namespace tinycnn
