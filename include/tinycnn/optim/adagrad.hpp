// Adagrad (Duchi, Hazan & Singer 2011): steps divided by the root of the sum of all squared gradients.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/core/square_root.hpp>

namespace tinycnn {

/// torch.optim.Adagrad. For parameter w with gradient g, after g += weight_decay w, in step t (from 1):
///   sum += g^2 (sum starts at initial_accumulator_value),   w -= rate / (1 + (t - 1) rate_decay) g / (sqrt(sum) +
///   epsilon).
struct Adagrad {
  double weight_decay = 0;
  double rate_decay = 0;  ///< PyTorch's lr_decay
  double initial_accumulator_value = 0;
  double epsilon = 1e-10;

  static constexpr int slots = 1;  // sum
  static constexpr const char* name = "Adagrad";

  /// Describes the first invalid option, by the rules of torch.optim.Adagrad; null if all are valid.
  [[nodiscard]] constexpr const char* mistake() const {
    if (!(weight_decay >= 0)) return "Adagrad's weight_decay must be 0 or more";
    if (!(rate_decay >= 0)) return "Adagrad's rate_decay must be 0 or more";
    if (!(initial_accumulator_value >= 0)) return "Adagrad's initial_accumulator_value must be 0 or more";
    if (!(epsilon >= 0)) return "Adagrad's epsilon must be 0 or more";
    return nullptr;
  }

  /// The value with which every element of a slot starts.
  [[nodiscard]] constexpr double initial_value(int) const { return initial_accumulator_value; }

  template <class T>
  struct Factors {
    T decay, epsilon, rate;
  };

  /// The factors that all parameters share in step `t` (from 1) at learning rate `rate`.
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t t, double rate) const {
    return {T(weight_decay), T(epsilon), T(rate / (1 + double(t - 1) * rate_decay))};
  }

  /// Updates w and its slot. V is a scalar or a vector register.
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& sum) {
    g += f.decay * w;
    sum += g * g;
    w -= f.rate * g / (square_root(sum) + f.epsilon);
  }
};

}  // namespace tinycnn
