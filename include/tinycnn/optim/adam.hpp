// Adam (Kingma & Ba 2015) with L2 weight decay.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/core/square_root.hpp>

namespace tinycnn {

/// torch.optim.Adam. For parameter w with gradient g, after g += weight_decay w, in step t (from 1):
///   m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2,
///   w -= rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
struct Adam {
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;

  static constexpr int slots = 2;  // m, v
  static constexpr const char* name = "Adam";

  /// Describes the first invalid option, by the rules of torch.optim.Adam; null if all are valid.
  [[nodiscard]] constexpr const char* mistake() const {
    if (!(weight_decay >= 0)) return "Adam's weight_decay must be 0 or more";
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) return "Adam's betas must be 0 or more and below 1";
    if (!(epsilon >= 0)) return "Adam's epsilon must be 0 or more";
    return nullptr;
  }

  template <class T>
  struct Factors {
    T decay, one_minus_beta1, beta2, one_minus_beta2, sqrt_correction2, epsilon, rate;
  };

  /// The factors that all parameters share in step `t` (from 1) at learning rate `rate`.
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t t, double rate) const {
    return {T(weight_decay),
            T(1 - beta1),
            T(beta2),
            T(1 - beta2),
            T(std::sqrt(1 - std::pow(beta2, double(t)))),
            T(epsilon),
            T(rate / (1 - std::pow(beta1, double(t))))};
  }

  /// Updates w and its slots. V is a scalar or a vector register.
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& m, V& v) {
    g += f.decay * w;
    update_without_decay(f, w, g, m, v);
  }
  template <class T, class V>
  [[gnu::always_inline]] static void update_without_decay(const Factors<T>& f, V& w, V g, V& m, V& v) {
    m += f.one_minus_beta1 * (g - m);
    v = f.beta2 * v + f.one_minus_beta2 * g * g;
    w -= f.rate * m / (square_root(v) / f.sqrt_correction2 + f.epsilon);
  }
};

}  // namespace tinycnn
