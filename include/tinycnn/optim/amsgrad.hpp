// AMSGrad (Reddi, Kale & Kumar 2018): Adam whose second moment never decreases.
#pragma once

#include <cstdint>

#include <tinycnn/optim/adam.hpp>

namespace tinycnn {

/// torch.optim.Adam with amsgrad=True: Adam's step with most = max(most, v) in place of v. The maximum is over v before
/// its bias correction.
struct AMSGrad {
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;

  static constexpr int slots = 3;  // m, v, most
  static constexpr const char* name = "AMSGrad";

  /// Describes the first invalid option, by the rules of torch.optim.Adam; null if all are valid.
  [[nodiscard]] constexpr const char* mistake() const {
    if (!(weight_decay >= 0)) return "AMSGrad's weight_decay must be 0 or more";
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) return "AMSGrad's betas must be 0 or more and below 1";
    if (!(epsilon >= 0)) return "AMSGrad's epsilon must be 0 or more";
    return nullptr;
  }

  template <class T>
  using Factors = Adam::Factors<T>;

  /// The factors that all parameters share in step `t` (from 1) at learning rate `rate`.
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t t, double rate) const {
    return Adam{weight_decay, beta1, beta2, epsilon}.factors<T>(t, rate);
  }

  /// Updates w and its slots. V is a scalar or a vector register.
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& m, V& v, V& most) {
    g += f.decay * w;
    m += f.one_minus_beta1 * (g - m);
    v = f.beta2 * v + f.one_minus_beta2 * g * g;
    most = most < v ? v : most;
    w -= f.rate * m / (square_root(most) / f.sqrt_correction2 + f.epsilon);
  }
};

}  // namespace tinycnn
