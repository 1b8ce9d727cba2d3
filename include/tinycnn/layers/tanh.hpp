// Tanh: y = tanh(x).
#pragma once

#include <cmath>

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

inline constexpr Kind tanh_activation{"Tanh"};

/// torch.nn.Tanh(): y = tanh(x); any shape. Its gradient is 1 - y^2.
struct Tanh : Elementwise {
  static constexpr const Kind& kind = tanh_activation;
  static constexpr bool monotone = true, of_output = true;
  template <class T>
  static T f(T x) {
    return std::tanh(x);
  }
  template <class T>
  static T df(T y) {
    return T(1) - y * y;
  }
};

}  // namespace tinycnn
