// Linear as plain loops.
#pragma once

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/linear.hpp>

namespace tinycnn::reference {

/// y[n, o] = bias[o] + sum over i of w[o, i] x[n, i].
struct LinearOp {
  static constexpr std::string_view name = "Linear";
  static constexpr const Kind* pattern[] = {&linear};
  static constexpr bool saves_input = true;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), y = run.view(step.y);  // (N, In), (N, Out)
    const MatrixView<T> weight{run.parameter(l, 0), run.parameter_facts(l, 0).extents, l.in, run.order};
    const int inputs = int(l.in.size()), outputs = int(l.out.size());
    for (int n = 0; n < run.n; ++n)
      for (int o = 0; o < outputs; ++o) {
        T sum = options_of<LinearOptions>(l).bias ? run.parameter(l, 1)[o] : T(0);
        for (int i = 0; i < inputs; ++i) sum += weight(o, i) * x(n, i);
        y(n, o) = sum;
      }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const int* extents = run.parameter_facts(l, 0).extents;
    const int inputs = int(l.in.size()), outputs = int(l.out.size());
    if (step.parameter_gradients) {
      const MatrixView<T> dw{run.gradient(l, 0), extents, l.in, run.order};
      for (int o = 0; o < outputs; ++o)
        for (int i = 0; i < inputs; ++i) {
          T sum = T(0);
          for (int n = 0; n < run.n; ++n) sum += T(dy(n, o)) * T(x(n, i));
          dw(o, i) = sum;
        }
      if (options_of<LinearOptions>(l).bias)
        for (int o = 0; o < outputs; ++o) {
          T sum = T(0);
          for (int n = 0; n < run.n; ++n) sum += dy(n, o);
          run.gradient(l, 1)[o] = sum;
        }
    }
    if (step.dx < 0) return;
    start_gradient(run, step.dx, step.add_dx);
    const MatrixView<T> weight{run.parameter(l, 0), extents, l.in, run.order};
    for (int n = 0; n < run.n; ++n)
      for (int i = 0; i < inputs; ++i) {
        T sum = dx(n, i);
        for (int o = 0; o < outputs; ++o) sum += dy(n, o) * weight(o, i);
        dx(n, i) = sum;
      }
  }
};

}  // namespace tinycnn::reference
