// Flatten: views an image (C, H, W) as C * H * W features in PyTorch's order; computes nothing.
#pragma once

#include <cstdint>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

inline constexpr Kind flatten{.name = "Flatten", .view = true};

/// torch.nn.Flatten(). x (C, H, W) -> y (C * H * W).
struct Flatten {
  static constexpr const Kind& kind = flatten;
  static constexpr const Mistake* accepts(Dims) { return nullptr; }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return {x.c, x.h, x.w, true}; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

}  // namespace tinycnn
