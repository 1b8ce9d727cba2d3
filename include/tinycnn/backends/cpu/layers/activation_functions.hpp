// The activations of layers/ on SIMD registers, each where it names its kind. Others run the loops of their layer.
#pragma once

#include <cstdint>
#include <cstring>

#include <tinycnn/backends/cpu/simd/math.hpp>
#include <tinycnn/layers/gelu.hpp>
#include <tinycnn/layers/hardswish.hpp>
#include <tinycnn/layers/leaky_relu.hpp>
#include <tinycnn/layers/sigmoid.hpp>
#include <tinycnn/layers/silu.hpp>
#include <tinycnn/layers/tanh.hpp>
#include <tinycnn/plan/activations.hpp>

namespace tinycnn::cpu {

/// Calls f(register of a, register of b) for `count` elements and stores what it returns in `to`. The last register may
/// be partly empty.
template <class Isa, class F>
[[gnu::always_inline]] inline void for_registers(const float* a, const float* b, float* to, std::int64_t count,
                                                 const F& f) {
  float rest_a[Isa::width], rest_b[Isa::width];
  for (std::int64_t left = count; left > 0; left -= Isa::width, a += Isa::width, b += Isa::width, to += Isa::width) {
    float* const end = to;
    const bool whole = left >= Isa::width;
    if (!whole) {
      store<Isa>(rest_a, Vector<Isa>{}), store<Isa>(rest_b, Vector<Isa>{});
      std::memcpy(rest_a, a, sizeof(float) * std::size_t(left));
      std::memcpy(rest_b, b, sizeof(float) * std::size_t(left));
      a = rest_a, b = rest_b, to = rest_a;
    }
    store<Isa>(to, f(load<Isa>(a), load<Isa>(b)));
    if (!whole) std::memcpy(end, rest_a, sizeof(float) * std::size_t(left));
  }
}

/// The loops of an activation, from a struct `Function` with `f` and `df` on registers that is made from its layer.
template <class Isa, template <class> class Function>
struct VectorActivation {
  static constexpr const Kind& kind = Function<Isa>::kind;

  static void apply(const Layer& layer, const float* x, float* y, std::int64_t count) {
    const Function<Isa> function(layer);
    for_registers<Isa>(x, x, y, count, [&](Vector<Isa> v, Vector<Isa>) { return function.f(v); });
  }
  static void gradient(const Layer& layer, const float* v, const float* dy, float* dx, std::int64_t count) {
    const Function<Isa> function(layer);
    for_registers<Isa>(v, dy, dx, count, [&](Vector<Isa> at, Vector<Isa> g) { return g * function.df(at); });
  }
  static constexpr ActivationLoops<float> loops{&apply, &gradient};
};

/// The logistic function 1 / (1 + e^-x).
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> logistic(Vector<Isa> x) {
  return 1.0f / (1.0f + exp<Isa>(-x));
}

/// equals: tinycnn::LeakyReLU::f, df.
template <class Isa>
struct LeakyReluFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = leaky_relu;
  float slope;

  explicit LeakyReluFunction(const Layer& layer) : slope(float(options_of<LeakyReLUOptions>(layer).slope)) {}
  [[gnu::always_inline]] V f(V x) const { return x > 0.0f ? x : slope * x; }
  [[gnu::always_inline]] V df(V x) const { return x > 0.0f ? V{} + 1.0f : V{} + slope; }
};

/// equals: tinycnn::SiLU::f, df.
template <class Isa>
struct SiluFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = silu;

  explicit SiluFunction(const Layer&) {}
  [[gnu::always_inline]] V f(V x) const { return x / (1.0f + exp<Isa>(-x)); }
  [[gnu::always_inline]] V df(V x) const {
    const V s = logistic<Isa>(x);
    return s * (1.0f + x * (1.0f - s));
  }
};

/// equals: tinycnn::Hardswish::f, df.
template <class Isa>
struct HardswishFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = hardswish;

  explicit HardswishFunction(const Layer&) {}
  [[gnu::always_inline]] V f(V x) const {
    const V zero{}, shifted = x + 3.0f, above = shifted < 0.0f ? zero : shifted;
    return x * (above > 6.0f ? zero + 6.0f : above) * (1.0f / 6.0f);
  }
  [[gnu::always_inline]] V df(V x) const {
    const V zero{}, inside = x * (1.0f / 3.0f) + 0.5f, above = x <= -3.0f ? zero : inside;
    return x >= 3.0f ? zero + 1.0f : above;
  }
};

/// equals: tinycnn::GELU::f, df.
template <class Isa>
struct GeluFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = gelu;

  explicit GeluFunction(const Layer&) {}
  [[gnu::always_inline]] V f(V x) const { return x * cumulative(x); }
  [[gnu::always_inline]] V df(V x) const { return cumulative(x) + x * (0.398942280f * exp<Isa>(-0.5f * x * x)); }

 private:
  [[gnu::always_inline]] static V cumulative(V x) { return 0.5f * (1.0f + erf<Isa>(x * 0.707106781f)); }
};

/// equals: tinycnn::GELUTanh::f, df.
template <class Isa>
struct GeluTanhFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = gelu_tanh;
  static constexpr float factor = GELUTanh::factor<float>, cubic = GELUTanh::cubic<float>;

  explicit GeluTanhFunction(const Layer&) {}
  [[gnu::always_inline]] V f(V x) const { return 0.5f * x * (1.0f + tanh_of(x)); }
  [[gnu::always_inline]] V df(V x) const {
    const V t = tanh_of(x);
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * (factor + (3 * factor * cubic) * x * x);
  }

 private:
  [[gnu::always_inline]] static V tanh_of(V x) { return tanh<Isa>(factor * x * (1.0f + cubic * x * x)); }
};

/// equals: tinycnn::Sigmoid::f, df.
template <class Isa>
struct SigmoidFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = sigmoid;

  explicit SigmoidFunction(const Layer&) {}
  [[gnu::always_inline]] V f(V x) const { return logistic<Isa>(x); }
  [[gnu::always_inline]] V df(V y) const { return y * (1.0f - y); }
};

/// equals: tinycnn::Tanh::f, df.
template <class Isa>
struct TanhFunction {
  using V = Vector<Isa>;
  static constexpr const Kind& kind = tanh_activation;

  explicit TanhFunction(const Layer&) {}
  [[gnu::always_inline]] V f(V x) const { return tanh<Isa>(x); }
  [[gnu::always_inline]] V df(V y) const { return 1.0f - y * y; }
};

template <class Isa>
using Activations = ActivationList<VectorActivation<Isa, LeakyReluFunction>, VectorActivation<Isa, SiluFunction>,
                                   VectorActivation<Isa, HardswishFunction>, VectorActivation<Isa, GeluFunction>,
                                   VectorActivation<Isa, GeluTanhFunction>, VectorActivation<Isa, SigmoidFunction>,
                                   VectorActivation<Isa, TanhFunction>>;

}  // namespace tinycnn::cpu
