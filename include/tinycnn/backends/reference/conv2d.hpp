// Conv2d as plain loops.
#pragma once

#include <cstdint>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn::reference {

/// y[n, o, p, q] = bias[o] + sum over i, r, s of w[o, i, r, s] x[n, i, p stride + r dilation - padding, ...].
struct Conv2dOp {
  static constexpr std::string_view name = "Conv2d";
  static constexpr const Kind* pattern[] = {&conv2d};
  static constexpr bool saves_input = true;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), y = run.view(step.y);  // (N, C, H, W), (N, O, P, Q)
    const Window k = window_of(l);
    const KernelView<T> weight{run.parameter(l, 0), run.parameter_facts(l, 0).extents, run.order};
    const T* bias = options_of<Conv2dOptions>(l).bias ? run.parameter(l, 1) : nullptr;
    for_each_element(run.n, l.out, [&](int n, int o, int p, int q) {
      T sum = bias == nullptr ? T(0) : bias[o];
      for (int i = 0; i < group_inputs(l); ++i)
        for_each_tap(k, p, q, l.in, [&](int h, int w, int tap) {
          sum += weight(o, i, tap / k.columns.kernel, tap % k.columns.kernel) * x(n, first_input(l, o) + i, h, w);
        });
      y(n, o, p, q) = sum;
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const Window k = window_of(l);
    const int* extents = run.parameter_facts(l, 0).extents;
    if (step.parameter_gradients) {
      const KernelView<T> dw{run.gradient(l, 0), extents, run.order};
      for (std::int64_t i = 0; i < run.parameter_facts(l, 0).size(); ++i) dw.data[i] = T(0);
      for_each_element(run.n, l.out, [&](int n, int o, int p, int q) {
        for (int i = 0; i < group_inputs(l); ++i)
          for_each_tap(k, p, q, l.in, [&](int h, int w, int tap) {
            dw(o, i, tap / k.columns.kernel, tap % k.columns.kernel) +=
                dy(n, o, p, q) * x(n, first_input(l, o) + i, h, w);
          });
      });
      if (options_of<Conv2dOptions>(l).bias)
        for (int o = 0; o < l.out.c; ++o) {
          T sum = T(0);
          for (int n = 0; n < run.n; ++n)
            for (int p = 0; p < pixels(l.out); ++p) sum += at(dy, n, o, p);
          run.gradient(l, 1)[o] = sum;
        }
    }
    if (step.dx < 0) return;
    start_gradient(run, step.dx, step.add_dx);
    const KernelView<T> weight{run.parameter(l, 0), extents, run.order};
    const int outputs = l.out.c / options_of<Conv2dOptions>(l).groups;  // of a group
    for_each_element(run.n, l.in, [&](int n, int c, int h, int w) {
      const int first_output = c / group_inputs(l) * outputs, i = c % group_inputs(l);
      T sum = dx(n, c, h, w);
      for (int o = first_output; o < first_output + outputs; ++o)
        for_each_window(k, h, w, l.out, [&](int p, int q, int tap) {
          sum += dy(n, o, p, q) * weight(o, i, tap / k.columns.kernel, tap % k.columns.kernel);
        });
      dx(n, c, h, w) = sum;
    });
  }

 private:
  static int group_inputs(const Layer& l) { return l.in.c / options_of<Conv2dOptions>(l).groups; }
  /// The first input channel of output o's group.
  static int first_input(const Layer& l, int o) {
    return o / (l.out.c / options_of<Conv2dOptions>(l).groups) * group_inputs(l);
  }
};

}  // namespace tinycnn::reference
