// Activations as data: a kind of layer that computes y = f(x) element by element, and what fused ops need of it.
#pragma once

#include <cstdint>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

/// In a fused op's pattern, this kind matches any activation.
inline constexpr Kind any_activation{"activation"};

/// The functions of an activation, over `count` contiguous elements. Results may take the place of operands.
template <class T>
struct ActivationLoops {
  void (*apply)(const Layer&, const T* x, T* y, std::int64_t count) = nullptr;  ///< y = f(x)
  /// dx = dy f'(v), where v is x, or y if the activation is `of_output`.
  void (*gradient)(const Layer&, const T* v, const T* dy, T* dx, std::int64_t count) = nullptr;
};

/// What the planner and the kernels know about an activation.
struct Activation {
  bool monotone = false;   ///< non-decreasing, so that it may be applied after a max-pooling instead of before it
  bool of_output = false;  ///< f' is given as a function of y = f(x), so that backward needs no x
  bool inlined = false;    ///< ReLU: every kernel has it inlined; its loops are null
  ActivationLoops<float> in_float{};
  ActivationLoops<double> in_double{};

  template <class T>
  [[nodiscard]] constexpr const ActivationLoops<T>& loops() const {
    if constexpr (sizeof(T) == sizeof(double))
      return in_double;
    else
      return in_float;
  }
};

/// The base class of layers that compute y = f(x) for each element, of any shape, without parameters. A struct derives
/// from it and adds its `kind`, `template <class T> static T f(T x)` and `template <class T> static T df(T v)`, the
/// derivative; then it runs on every backend, and fused into the layer before it. Optional: `monotone` (f does not
/// decrease anywhere) and `of_output` (df takes y = f(x) instead of x).
struct Elementwise {
  static constexpr bool monotone = false, of_output = false;
  static constexpr const Mistake* accepts(Dims) { return nullptr; }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

namespace detail {
template <class L, class T>
void apply_activation(const Layer&, const T* x, T* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = L::template f<T>(x[i]);
}
template <class L, class T>
void activation_gradient(const Layer&, const T* v, const T* dy, T* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * L::template df<T>(v[i]);
}

template <class L>
inline constexpr Activation activation_data{L::monotone,
                                            L::of_output,
                                            false,
                                            {&apply_activation<L, float>, &activation_gradient<L, float>},
                                            {&apply_activation<L, double>, &activation_gradient<L, double>}};
}  // namespace detail

/// The activation that layer type L is, or null.
template <class L>
constexpr const Activation* activation_of() {
  if constexpr (requires { L::activation; })
    return &L::activation;
  else if constexpr (requires {
                       &L::template f<float>;
                       &L::template df<float>;
                       L::monotone;
                     })
    return &detail::activation_data<L>;
  else
    return nullptr;
}

}  // namespace tinycnn
