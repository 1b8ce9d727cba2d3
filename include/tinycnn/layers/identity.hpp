// Identity: y = x; a view. The default shortcut of Residual.
#pragma once

#include <cstdint>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

inline constexpr Kind identity{.name = "Identity", .view = true};

/// torch.nn.Identity(). Any shape.
struct Identity {
  static constexpr const Kind& kind = identity;
  static constexpr const Mistake* accepts(Dims) { return nullptr; }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

}  // namespace tinycnn
