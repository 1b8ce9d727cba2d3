// Stochastic gradient descent with momentum and L2 weight decay.
#pragma once

#include <cstdint>

namespace tinycnn {

/// torch.optim.SGD. For parameter w with gradient g, after g += weight_decay w:
///   b = momentum b + (1 - dampening) g  (b = g in the first step),
///   w -= rate b, or with `nesterov` w -= rate (g + momentum b).
struct SGD {
  double weight_decay = 0;
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;

  static constexpr int slots = 1;  // b
  static constexpr const char* name = "SGD";

  /// Describes the first invalid option, by the rules of torch.optim.SGD; null if all are valid.
  [[nodiscard]] constexpr const char* mistake() const {
    if (!(weight_decay >= 0)) return "SGD's weight_decay must be 0 or more";
    if (!(momentum >= 0)) return "SGD's momentum must be 0 or more";
    if (dampening != dampening) return "SGD's dampening is not a number";
    if (nesterov && !(momentum > 0 && dampening == 0))
      return "SGD's nesterov needs a momentum above 0 and a dampening of 0";
    return nullptr;
  }

  template <class T>
  struct Factors {
    T decay, momentum, one_minus_dampening, rate, of_gradient, of_buffer;
  };

  /// The factors that all parameters share in step `t` (from 1) at learning rate `rate`.
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t t, double rate) const {
    return {T(weight_decay), T(t == 1 ? 0 : momentum), T(t == 1 || momentum == 0 ? 1 : 1 - dampening),
            T(rate),         T(nesterov ? 1 : 0),      T(nesterov ? momentum : 1)};
  }

  /// Updates w and its slot. V is a scalar or a vector register.
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& b) {
    g += f.decay * w;
    b = f.momentum * b + f.one_minus_dampening * g;
    w -= f.rate * (f.of_gradient * g + f.of_buffer * b);
  }
};

}  // namespace tinycnn
