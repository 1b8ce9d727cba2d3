// Dropout as plain loops.
#pragma once

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/core/random.hpp>
#include <tinycnn/layers/dropout.hpp>

namespace tinycnn::reference {

/// y = x / (1 - p) where the element's draw is >= p, else 0. The draw is keyed by (seed, step and layer, element in
/// PyTorch's order), so every backend and every layout drops the same elements.
struct DropoutOp {
  static constexpr std::string_view name = "Dropout";
  static constexpr const Kind* pattern[] = {&dropout};
  static constexpr unsigned modes = in_training;

  /// Calls f(n, c, pixel, 0 or 1 / (1 - p)) for every element.
  template <class Backend, class F>
  static void for_each_factor(const Execution<Backend>& run, const Step& step, F&& f) {
    const Layer& l = run.layer(step, 0);
    const std::uint64_t stream = dropout_stream(run.step, run.graph().layer_count, step.layers[0]);
    const double p = options_of<DropoutOptions>(l).probability;
    const int area = pixels(l.in);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < channels(l.in); ++c)
        for (int i = 0; i < area; ++i) {
          const std::uint64_t element =
              (std::uint64_t(n) * unsigned(channels(l.in)) + unsigned(c)) * unsigned(area) + unsigned(i);
          f(n, c, i, double(uniform(run.seed, stream, element)) < p ? 0.0 : 1.0 / (1.0 - p));
        }
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto x = run.view(step.x), y = run.view(step.y);
    for_each_factor(run, step, [&](int n, int c, int i, double factor) {
      at(y, n, c, i) = factor == 0 ? T(0) : T(at(x, n, c, i)) * T(factor);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    start_gradient(run, step.dx, step.add_dx);
    for_each_factor(run, step, [&](int n, int c, int i, double factor) {
      if (factor != 0) add_to(at(dx, n, c, i), T(at(dy, n, c, i)) * T(factor));
    });
  }
};

}  // namespace tinycnn::reference
