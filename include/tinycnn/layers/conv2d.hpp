// Conv2d: y[o] = bias[o] + sum over (i, r, s) of w[o, i, r, s] * x[i, p * stride + r * dilation - padding, ...].
#pragma once

#include <cstdint>

#include <tinycnn/layers/window_options.hpp>

namespace tinycnn {

inline constexpr Kind conv2d{.name = "Conv2d"};

template <int G>
struct Groups {};

/// Forbids Winograd's algorithm for this convolution. Winograd has larger rounding errors, and an element that is not
/// finite spreads to neighbouring pixels.
struct NoWinograd {};

struct Conv2dOptions : DilatedWindowOptions {
  int groups = 1;
  bool bias = true;
  bool no_winograd = false;

  using DilatedWindowOptions::set;
  template <int G>
  constexpr void set(Groups<G>) {
    groups = G;
  }
  constexpr void set(NoBias) { bias = false; }
  constexpr void set(NoWinograd) { no_winograd = true; }
};

namespace mistakes {
inline constexpr Mistake groups_do_not_divide{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::groups_do_not_divide, Index, Where...> {
  static_assert(Index < 0, "Groups must divide both the input and the output channels");
};

/// A 2-d convolution (cross-correlation), torch.nn.Conv2d(In, Out, kernel, ...). The kernel (R, S) is a number or
/// Kernel<R, S>. x (In, H, W) -> y (Out, P, Q), P = (H + 2 padding - dilation (R - 1) - 1) / stride + 1.
/// Options: Stride<1>, Padding<0>, SamePadding, Dilation<1>, Groups<1>, NoBias, NoWinograd.
/// Parameters: weight (Out, In / groups, R, S), bias (Out); initially U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
template <int In, int Out, KernelArgument auto KernelSize, class... Choices>
struct Conv2d {
  static constexpr const Kind& kind = conv2d;
  static constexpr const Chosen<Conv2dOptions>* chosen =
      &chosen_options<Conv2dOptions, WithKernel<KernelSize>, Choices...>;
  static constexpr const Conv2dOptions* options = &chosen->options;
  static constexpr int group_in = options->groups < 1 ? 0 : In / options->groups;  // input channels of one group

  static constexpr const Mistake* accepts(Dims x) {
    const Window& k = options->window;
    if (chosen->mistake != nullptr) return chosen->mistake;
    if (In < 1 || Out < 1 || has_zero_size(k)) return &mistakes::zero_size;
    if (options->groups < 1 || In % options->groups != 0 || Out % options->groups != 0)
      return &mistakes::groups_do_not_divide;
    if (x.flat) return &mistakes::wants_image;
    return x.c != In ? &mistakes::wrong_channels : window_mistake(k, x);
  }
  static constexpr Dims wants(Dims x) { return options->window.wants(In, x); }
  static constexpr Dims output(Dims x) { return options->window.output(Out, x); }
  static constexpr std::int64_t macs(Dims x) { return output(x).size() * group_in * options->window.taps(); }
  static constexpr void parameters(ParameterList& list) {
    const Window& k = options->window;
    const Initializer initial = uniform_by_fan_in(std::int64_t(group_in) * k.taps());
    list.kernel("weight", Out, group_in, k.rows.kernel, k.columns.kernel, initial);
    if (options->bias) list.channel("bias", Out, initial);
  }
};

}  // namespace tinycnn
