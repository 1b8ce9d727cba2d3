// AdamW (Loshchilov & Hutter 2019): Adam whose weight decay does not go through the moments.
#pragma once

#include <cstdint>

#include <tinycnn/optim/adam.hpp>

namespace tinycnn {

/// torch.optim.AdamW: w *= 1 - rate weight_decay, then Adam's step of the gradient alone.
struct AdamW {
  double weight_decay = 1e-2;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;

  static constexpr int slots = 2;  // m, v
  static constexpr const char* name = "AdamW";

  /// Describes the first invalid option, by the rules of torch.optim.AdamW; null if all are valid.
  [[nodiscard]] constexpr const char* mistake() const {
    if (!(weight_decay >= 0)) return "AdamW's weight_decay must be 0 or more";
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) return "AdamW's betas must be 0 or more and below 1";
    if (!(epsilon >= 0)) return "AdamW's epsilon must be 0 or more";
    return nullptr;
  }

  template <class T>
  struct Factors {
    Adam::Factors<T> adam;
    T kept;
  };

  /// The factors that all parameters share in step `t` (from 1) at learning rate `rate`.
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t t, double rate) const {
    return {Adam{0, beta1, beta2, epsilon}.factors<T>(t, rate), T(1 - rate * weight_decay)};
  }

  /// Updates w and its slots. V is a scalar or a vector register.
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& m, V& v) {
    w *= f.kept;
    Adam::update_without_decay(f.adam, w, g, m, v);
  }
};

}  // namespace tinycnn
