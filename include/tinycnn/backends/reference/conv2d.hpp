// Conv2d as plain loops.
#pragma once

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn::reference {

/// y[n, o, p, q] = bias[o] + sum over i, r, s of w[o, i, r, s] x[n, i, p stride + r dilation - padding, ...].
struct Conv2dRow {
  static constexpr std::string_view name = "Conv2d";
  static constexpr const Kind* pattern[] = {&conv2d};
  static constexpr bool saves_input = true;

  /// Calls f(n, o, p, q, i, r, s, h, w) for every product of the convolution.
  template <class F>
  static void for_each_product(int n_count, const Layer& l, F&& f) {
    const Window k = l.options.window;
    const int inputs = l.in.c / l.options.groups, outputs = l.out.c / l.options.groups;
    for (int n = 0; n < n_count; ++n)
      for (int o = 0; o < l.out.c; ++o)
        for (int p = 0; p < l.out.h; ++p)
          for (int q = 0; q < l.out.w; ++q)
            for (int i = 0; i < inputs; ++i)
              for (int r = 0; r < k.kernel; ++r)
                for (int s = 0; s < k.kernel; ++s) {
                  const int h = p * k.stride + r * k.dilation - k.padding;
                  const int w = q * k.stride + s * k.dilation - k.padding;
                  if (h < 0 || h >= l.in.h || w < 0 || w >= l.in.w) continue;
                  f(n, o, p, q, i, r, s, o / outputs * inputs + i, h, w);
                }
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const View<T> x = run.view(step.x), y = run.view(step.y);  // (N, C, H, W), (N, O, P, Q)
    const KernelView<T> weight{run.parameter(l, 0), run.parameter_facts(l, 0).extents, run.order};
    const T* bias = l.options.bias ? run.parameter(l, 1) : nullptr;
    for (int n = 0; n < run.n; ++n)
      for (int o = 0; o < l.out.c; ++o)
        for (int p = 0; p < l.out.h; ++p)
          for (int q = 0; q < l.out.w; ++q) y(n, o, p, q) = bias == nullptr ? T(0) : bias[o];
    for_each_product(run.n, l, [&](int n, int o, int p, int q, int i, int r, int s, int c, int h, int w) {
      y(n, o, p, q) += weight(o, i, r, s) * x(n, c, h, w);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const View<T> x = run.view(step.x), dx = run.gradient_view(step.dx, step.x),
                  dy = run.gradient_view(step.dy, step.y);
    const int* extents = run.parameter_facts(l, 0).extents;
    if (step.parameter_gradients) {
      const KernelView<T> dw{run.gradient(l, 0), extents, run.order};
      for (long i = 0; i < run.parameter_facts(l, 0).size(); ++i) dw.data[i] = T(0);
      for_each_product(run.n, l, [&](int n, int o, int p, int q, int i, int r, int s, int c, int h, int w) {
        dw(o, i, r, s) += dy(n, o, p, q) * x(n, c, h, w);
      });
      if (l.options.bias)
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
    for_each_product(run.n, l, [&](int n, int o, int p, int q, int i, int r, int s, int c, int h, int w) {
      dx(n, c, h, w) += dy(n, o, p, q) * weight(o, i, r, s);
    });
  }
};

}  // namespace tinycnn::reference
