// GlobalAvgPool: the mean of each channel over all pixels.
#pragma once

#include <cstdint>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

inline constexpr Kind global_avg_pool{.name = "GlobalAvgPool"};

/// torch.nn.AdaptiveAvgPool2d(1). x (C, H, W) -> y (C, 1, 1).
struct GlobalAvgPool {
  static constexpr const Kind& kind = global_avg_pool;
  static constexpr const Mistake* accepts(Dims x) { return x.flat ? &mistakes::wants_image : nullptr; }
  static constexpr Dims wants(Dims x) { return {x.c, 0, 0, false}; }
  static constexpr Dims output(Dims x) { return {x.c, 1, 1, false}; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

}  // namespace tinycnn
