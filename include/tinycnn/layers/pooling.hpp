// The shape rule that MaxPool and AvgPool share.
#pragma once

#include <cstdint>

#include <tinycnn/layers/options.hpp>

namespace tinycnn {

/// x (C, H, W) -> y (C, P, Q), P = (H + 2 padding - dilation (Kernel - 1) - 1) / stride + 1. The stride defaults to
/// Kernel. `Known` holds the bits of the options that the layer accepts.
template <int Kernel, unsigned Known, class... Choices>
struct Pooling {
  static constexpr Chosen chosen = choose<Choices...>({Window{Kernel, Kernel, 0, 1}, 1, false, 0, 0, 0}, Known);
  static constexpr Options options = chosen.options;

  static constexpr Mistake accepts(Dims x) {
    if (chosen.mistake != Mistake::none) return chosen.mistake;
    const Window& k = options.window;
    if (Kernel < 1 || k.stride < 1 || k.dilation < 1 || k.padding < 0) return Mistake::zero_size;
    if (2 * k.padding > Kernel) return Mistake::padding_exceeds_half_kernel;
    if (x.flat) return Mistake::wants_image;
    if (k.output(x.h) < 1 || k.output(x.w) < 1) return Mistake::kernel_exceeds_input;
    return Mistake::none;
  }
  static constexpr Dims wants(Dims x) { return options.window.wants(x.c, x); }
  static constexpr Dims output(Dims x) { return {x.c, options.window.output(x.h), options.window.output(x.w), false}; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

}  // namespace tinycnn
