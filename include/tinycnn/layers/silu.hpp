// SiLU (swish): y = x / (1 + exp(-x)).
#pragma once

#include <cmath>

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

inline constexpr Kind silu{"SiLU"};

/// torch.nn.SiLU(): y = x s(x) with the logistic function s(x) = 1 / (1 + exp(-x)); any shape. Its gradient is
/// s(x) (1 + x (1 - s(x))). (Elfwing et al. 2017; Ramachandran et al. 2017.)
struct SiLU : Elementwise {
  static constexpr const Kind& kind = silu;
  template <class T>
  static T f(T x) {
    return x / (T(1) + std::exp(-x));
  }
  template <class T>
  static T df(T x) {
    const T s = T(1) / (T(1) + std::exp(-x));
    return s * (T(1) + x * (T(1) - s));
  }
};

}  // namespace tinycnn
