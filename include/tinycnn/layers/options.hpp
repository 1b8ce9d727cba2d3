// The named options of layers, such as Stride<2>, Padding<1> and NoBias. Options that are not given have PyTorch's
// defaults.
#pragma once

#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// One bit per option, so that a layer can list those it accepts.
enum OptionBit : unsigned {
  stride_option = 1,
  padding_option = 2,
  dilation_option = 4,
  groups_option = 8,
  bias_option = 16,
  epsilon_option = 32,
  momentum_option = 64,
  probability_option = 128,
  algorithm_option = 256,
  slope_option = 512,
};

template <int S>
struct Stride {
  static constexpr unsigned bit = stride_option;
  static constexpr void apply(Options& o) { o.window.stride = S; }
};

template <int P>
struct Padding {
  static constexpr unsigned bit = padding_option;
  static constexpr void apply(Options& o) { o.window.padding = P; }
};

template <int D>
struct Dilation {
  static constexpr unsigned bit = dilation_option;
  static constexpr void apply(Options& o) { o.window.dilation = D; }
};

template <int G>
struct Groups {
  static constexpr unsigned bit = groups_option;
  static constexpr void apply(Options& o) { o.groups = G; }
};

/// PyTorch's `bias=False`.
struct NoBias {
  static constexpr unsigned bit = bias_option;
  static constexpr void apply(Options& o) { o.bias = false; }
};

/// Forbids Winograd's algorithm for this convolution. Winograd has larger rounding errors, and an element that is not
/// finite spreads to neighbouring pixels.
struct NoWinograd {
  static constexpr unsigned bit = algorithm_option;
  static constexpr void apply(Options& o) { o.no_winograd = true; }
};

/// numerator / denominator, or -1, which no layer accepts, if the denominator is not positive.
constexpr double fraction(int numerator, int denominator) {
  return denominator < 1 ? -1 : double(numerator) / denominator;
}

/// BatchNorm's eps as a fraction: Epsilon<1, 100000> is 1e-5.
template <int Numerator, int Denominator>
struct Epsilon {
  static constexpr unsigned bit = epsilon_option;
  static constexpr void apply(Options& o) { o.epsilon = fraction(Numerator, Denominator); }
};

/// BatchNorm's momentum as a fraction: Momentum<1, 10> is 0.1.
template <int Numerator, int Denominator>
struct Momentum {
  static constexpr unsigned bit = momentum_option;
  static constexpr void apply(Options& o) { o.momentum = fraction(Numerator, Denominator); }
};

/// Dropout's p in percent.
template <int P>
struct Percent {
  static constexpr unsigned bit = probability_option;
  static constexpr void apply(Options& o) { o.probability = P / 100.0; }
};

/// LeakyReLU's negative_slope as a fraction: Slope<1, 100> is 0.01. Without a positive denominator it is NaN.
template <int Numerator, int Denominator>
struct Slope {
  static constexpr unsigned bit = slope_option;
  static constexpr void apply(Options& o) {
    o.slope = Denominator < 1 ? __builtin_nan("") : fraction(Numerator, Denominator);
  }
};

/// The options of a layer after its `Choices` were applied to the defaults, and the first mistake among the choices.
struct Chosen {
  Options options{};
  Mistake mistake = Mistake::none;
};

/// Applies the option types to `defaults` in order. It is a mistake to give a type that is not an option, an option
/// that is not among the `known` bits, or one option twice.
template <class... Choices>
constexpr Chosen choose(Options defaults, unsigned known) {
  Chosen chosen{defaults, Mistake::none};
  [[maybe_unused]] unsigned seen = 0;
  [[maybe_unused]] auto one = [&]<class Choice>(const Choice*) {
    if (chosen.mistake != Mistake::none) return;
    if constexpr (requires(Options& o) {
                    Choice::apply(o);
                    Choice::bit;
                  }) {
      if ((Choice::bit & known) == 0) {
        chosen.mistake = Mistake::unknown_option;
      } else if ((Choice::bit & seen) != 0) {
        chosen.mistake = Mistake::repeated_option;
      } else {
        Choice::apply(chosen.options);
        seen |= Choice::bit;
      }
    } else {
      chosen.mistake = Mistake::unknown_option;
    }
  };
  (one(static_cast<const Choices*>(nullptr)), ...);
  return chosen;
}

}  // namespace tinycnn
