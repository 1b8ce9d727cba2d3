// ReLU: y = max(x, 0).
#pragma once

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

inline constexpr Kind relu{.name = "ReLU"};

/// Rectified linear unit, torch.nn.ReLU(): y = max(x, 0) for each element; any shape. As in PyTorch, NaN stays NaN and
/// the gradient at 0 is 0.
struct ReLU : Elementwise {
  static constexpr const Kind& kind = relu;
  static constexpr Activation activation{.monotone = true, .of_output = true, .inlined = true};
};

}  // namespace tinycnn
