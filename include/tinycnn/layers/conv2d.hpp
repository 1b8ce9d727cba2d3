// Conv2d: y[o] = bias[o] + sum over (i, r, s) of w[o, i, r, s] * x[i, p * stride + r * dilation - padding, ...].
#pragma once

#include <cstdint>

#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind conv2d{"Conv2d"};

/// A square 2-d convolution (cross-correlation), torch.nn.Conv2d(In, Out, Kernel, ...).
/// x (In, H, W) -> y (Out, P, Q), P = (H + 2 padding - dilation (Kernel - 1) - 1) / stride + 1.
/// Options: Stride<1>, Padding<0>, Dilation<1>, Groups<1>, NoBias, NoWinograd.
/// Parameters: weight (Out, In / groups, Kernel, Kernel), bias (Out); initially U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
template <int In, int Out, int Kernel, class... Choices>
struct Conv2d {
  static constexpr const Kind& kind = conv2d;
  static constexpr Chosen chosen = choose<Choices...>(
      {Window{Kernel, 1, 0, 1}, 1, true, 0, 0, 0},
      stride_option | padding_option | dilation_option | groups_option | bias_option | algorithm_option);
  static constexpr Options options = chosen.options;
  static constexpr int group_in = options.groups < 1 ? 0 : In / options.groups;  // input channels of one group

  static constexpr Mistake accepts(Dims x) {
    if (chosen.mistake != Mistake::none) return chosen.mistake;
    const Window& k = options.window;
    if (In < 1 || Out < 1 || Kernel < 1 || k.stride < 1 || k.dilation < 1 || k.padding < 0) return Mistake::zero_size;
    if (options.groups < 1 || In % options.groups != 0 || Out % options.groups != 0)
      return Mistake::groups_do_not_divide;
    if (x.flat) return Mistake::wants_image;
    if (x.c != In) return Mistake::wrong_channels;
    if (k.output(x.h) < 1 || k.output(x.w) < 1) return Mistake::kernel_exceeds_input;
    return Mistake::none;
  }
  static constexpr Dims wants(Dims x) { return options.window.wants(In, x); }
  static constexpr Dims output(Dims x) { return {Out, options.window.output(x.h), options.window.output(x.w), false}; }
  static constexpr std::int64_t macs(Dims x) { return output(x).size() * group_in * Kernel * Kernel; }
  static constexpr void parameters(ParameterList& list) {
    const std::int64_t fan_in = std::int64_t(group_in) * Kernel * Kernel;
    list.kernel("weight", Out, group_in, Kernel, uniform_by_fan_in(fan_in));
    if (options.bias) list.channel("bias", Out, uniform_by_fan_in(fan_in));
  }
};

}  // namespace tinycnn
