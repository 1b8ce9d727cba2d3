// Sigmoid: y = 1 / (1 + exp(-x)).
#pragma once

#include <cmath>

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

inline constexpr Kind sigmoid{"Sigmoid"};

/// torch.nn.Sigmoid(): y = 1 / (1 + exp(-x)); any shape. Its gradient is y (1 - y).
struct Sigmoid : Elementwise {
  static constexpr const Kind& kind = sigmoid;
  static constexpr bool monotone = true, of_output = true;
  template <class T>
  static T f(T x) {
    return T(1) / (T(1) + std::exp(-x));
  }
  template <class T>
  static T df(T y) {
    return y * (T(1) - y);
  }
};

}  // namespace tinycnn
