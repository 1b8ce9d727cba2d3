// Hardswish: y = x min(max(x + 3, 0), 6) / 6.
#pragma once

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

inline constexpr Kind hardswish{"Hardswish"};

/// torch.nn.Hardswish(): y = x min(max(x + 3, 0), 6) / 6; any shape. As in PyTorch, the gradient is 0 at -3 and 1 at 3.
/// (Howard et al. 2019.)
struct Hardswish : Elementwise {
  static constexpr const Kind& kind = hardswish;
  template <class T>
  static T f(T x) {
    const T shifted = x + T(3);
    return x * (shifted < T(0) ? T(0) : shifted > T(6) ? T(6) : shifted) / T(6);
  }
  template <class T>
  static T df(T x) {
    return x <= T(-3) ? T(0) : x >= T(3) ? T(1) : x / T(3) + T(0.5);
  }
};

}  // namespace tinycnn
