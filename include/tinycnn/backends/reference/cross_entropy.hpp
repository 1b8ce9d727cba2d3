// Softmax and cross-entropy as plain loops.
#pragma once

#include <cmath>
#include <utility>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/losses/cross_entropy.hpp>

namespace tinycnn::reference {

/// y[n] = log(sum over k of exp(x[n, k] - max)) + max - x[n, label]; dx = (softmax(x[n]) - onehot(label)) / N.
struct CrossEntropyOp {
  static constexpr std::string_view name = "CrossEntropy";
  static constexpr const Kind* pattern[] = {&cross_entropy};
  static constexpr bool saves_input = true;

  /// (largest logit, log of the sum of exp(logit - largest)) of sample n, summed in double.
  template <class T>
  static std::pair<double, double> log_sum(const View<T>& x, int n) {
    const int classes = int(x.dims.size());
    double largest = double(x(n, 0)), sum = 0;
    for (int k = 1; k < classes; ++k) largest = double(x(n, k)) > largest ? double(x(n, k)) : largest;
    for (int k = 0; k < classes; ++k) sum += std::exp(double(x(n, k)) - largest);
    return {largest, std::log(sum)};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto x = run.view(step.x);                 // (N, K)
    const View<T> y = run.template view<T>(step.y);  // (N, 1)
    for (int n = 0; n < run.n; ++n) {
      const auto [largest, log] = log_sum(x, n);
      y(n, 0) = T(log + (largest - double(x(n, run.labels[n]))));
    }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    if (step.dx < 0) return;
    const auto x = run.view(step.x), dx = run.gradient_view(step.dx, step.x);
    start_gradient(run, step.dx, step.add_dx);
    for (int n = 0; n < run.n; ++n) {
      const auto [largest, log] = log_sum(x, n);
      for (int k = 0; k < int(x.dims.size()); ++k) {
        const double softmax = std::exp(double(x(n, k)) - largest - log);
        add_to(dx(n, k), T((softmax - (k == run.labels[n] ? 1.0 : 0.0)) / run.n));
      }
    }
  }
};

}  // namespace tinycnn::reference
