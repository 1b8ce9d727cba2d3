// LeakyReLU: y = x where x > 0, slope x elsewhere.
#pragma once

#include <tinycnn/layers/activation.hpp>
#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind leaky_relu{"LeakyReLU"};

/// LeakyReLU's negative_slope as a fraction: Slope<1, 100> is 0.01.
template <int Numerator, int Denominator>
struct Slope {};

struct LeakyReLUOptions : LayerOptions {
  double slope = 0.01;

  /// NaN, which the layer does not accept, if the denominator is not positive.
  template <int Numerator, int Denominator>
  constexpr void set(Slope<Numerator, Denominator>) {
    slope = Denominator < 1 ? __builtin_nan("") : double(Numerator) / Denominator;
  }
};

namespace mistakes {
inline constexpr Mistake bad_slope{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::bad_slope, Index, Where...> {
  static_assert(Index < 0, "the denominator of Slope must be positive");
};

/// torch.nn.LeakyReLU(negative_slope): y = x where x > 0, slope x elsewhere; any shape. At 0 the gradient is the slope,
/// as in PyTorch. Option: Slope<1, 100>, the slope as a fraction.
template <class... Choices>
struct LeakyReLU : Elementwise {
  static constexpr const Kind& kind = leaky_relu;
  static constexpr const Chosen<LeakyReLUOptions>* chosen = &chosen_options<LeakyReLUOptions, Choices...>;
  static constexpr const LeakyReLUOptions* options = &chosen->options;
  static constexpr bool monotone = options->slope >= 0;

  static constexpr const Mistake* accepts(Dims) {
    if (chosen->mistake != nullptr) return chosen->mistake;
    return options->slope == options->slope ? nullptr : &mistakes::bad_slope;
  }
  template <class T>
  static T f(T x) {
    return x > T(0) ? x : T(options->slope) * x;
  }
  template <class T>
  static T df(T x) {
    return x > T(0) ? T(1) : T(options->slope);
  }
};

}  // namespace tinycnn
