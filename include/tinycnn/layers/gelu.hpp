// GELU: y = x times the normal distribution's cumulative function, exact or approximated by a tanh.
#pragma once

#include <cmath>

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

inline constexpr Kind gelu{"GELU"};
inline constexpr Kind gelu_tanh{"GELUTanh"};

/// torch.nn.GELU(): y = x P(x) with P(x) = (1 + erf(x / sqrt(2))) / 2; any shape. Its gradient is P(x) + x p(x) with
/// p(x) = exp(-x^2 / 2) / sqrt(2 pi). (Hendrycks and Gimpel 2016.)
struct GELU : Elementwise {
  static constexpr const Kind& kind = gelu;
  template <class T>
  static T f(T x) {
    return x * T(0.5) * (T(1) + std::erf(x * T(0.70710678118654752440)));
  }
  template <class T>
  static T df(T x) {
    const T p = T(0.39894228040143267794) * std::exp(T(-0.5) * x * x);
    return T(0.5) * (T(1) + std::erf(x * T(0.70710678118654752440))) + x * p;
  }
};

/// torch.nn.GELU(approximate="tanh"): y = x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3); any shape.
struct GELUTanh : Elementwise {
  static constexpr const Kind& kind = gelu_tanh;
  template <class T>
  static T f(T x) {
    return T(0.5) * x * (T(1) + std::tanh(factor<T> * (x + cubic<T> * x * x * x)));
  }
  template <class T>
  static T df(T x) {
    const T t = std::tanh(factor<T> * (x + cubic<T> * x * x * x));
    return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * factor<T> * (T(1) + T(3) * cubic<T> * x * x);
  }

  template <class T>
  static constexpr T factor = T(0.79788456080286535588);
  template <class T>
  static constexpr T cubic = T(0.044715);
};

}  // namespace tinycnn
