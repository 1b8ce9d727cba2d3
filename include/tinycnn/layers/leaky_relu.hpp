// LeakyReLU: y = x where x > 0, slope x elsewhere.
#pragma once

#include <tinycnn/layers/activation.hpp>
#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind leaky_relu{"LeakyReLU"};

/// torch.nn.LeakyReLU(negative_slope): y = x where x > 0, slope x elsewhere; any shape. At 0 the gradient is the slope,
/// as in PyTorch. Option: Slope<1, 100>, the slope as a fraction.
template <class... Choices>
struct LeakyReLU : Elementwise {
  static constexpr const Kind& kind = leaky_relu;
  static constexpr Chosen chosen = choose<Choices...>({.slope = 0.01}, slope_option);
  static constexpr Options options = chosen.options;
  static constexpr bool monotone = options.slope >= 0;

  static constexpr Mistake accepts(Dims) {
    if (chosen.mistake != Mistake::none) return chosen.mistake;
    return options.slope == options.slope ? Mistake::none : Mistake::bad_fraction;
  }
  template <class T>
  static T f(T x) {
    return x > T(0) ? x : T(options.slope) * x;
  }
  template <class T>
  static T df(T x) {
    return x > T(0) ? T(1) : T(options.slope);
  }
};

}  // namespace tinycnn
