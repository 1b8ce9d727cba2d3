// ReLU: y = max(x, 0).
#pragma once

#include <cstdint>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

inline constexpr Kind relu{.name = "ReLU"};

/// Rectified linear unit, torch.nn.ReLU(): y = max(x, 0) for each element; any shape. As in PyTorch, NaN stays NaN and
/// the gradient at 0 is 0.
struct ReLU {
  static constexpr const Kind& kind = relu;
  static constexpr const Mistake* accepts(Dims) { return nullptr; }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

}  // namespace tinycnn
