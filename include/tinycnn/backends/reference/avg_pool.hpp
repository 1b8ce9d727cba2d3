// AvgPool and GlobalAvgPool as plain loops.
#pragma once

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/avg_pool.hpp>
#include <tinycnn/layers/global_avg_pool.hpp>

namespace tinycnn::reference {

/// y = sum of the window / the pixels that it counts: see counted_pixels.
struct AvgPoolOp {
  static constexpr std::string_view name = "AvgPool";
  static constexpr const Kind* pattern[] = {&avg_pool};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), y = run.view(step.y);  // (N, C, H, W), (N, C, P, Q)
    const Window k = window_of(l);
    for_each_element(run.n, l.out, [&](int n, int c, int p, int q) {
      const T share = share_of<T>(l, k, p, q);
      T sum = T(0);
      for_each_tap(k, p, q, l.in, [&](int h, int w, int) { sum += x(n, c, h, w) * share; });
      y(n, c, p, q) = sum;
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const Window k = window_of(l);
    start_gradient(run, step.dx, step.add_dx);
    for_each_element(run.n, l.in, [&](int n, int c, int h, int w) {
      T sum = dx(n, c, h, w);
      for_each_window(k, h, w, l.out, [&](int p, int q, int) { sum += dy(n, c, p, q) * share_of<T>(l, k, p, q); });
      dx(n, c, h, w) = sum;
    });
  }

 private:
  template <class T>
  static T share_of(const Layer& l, const Window& k, int p, int q) {
    const bool padding = options_of<AvgPoolOptions>(l).count_include_pad;
    return T(1) / T(counted_pixels(k.rows, p, l.in.h, padding) * counted_pixels(k.columns, q, l.in.w, padding));
  }
};

/// y[n, c] = mean over the pixels of x[n, c].
struct GlobalAvgPoolOp {
  static constexpr std::string_view name = "GlobalAvgPool";
  static constexpr const Kind* pattern[] = {&global_avg_pool};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), y = run.view(step.y);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < l.in.c; ++c) {
        T sum = T(0);
        for (int p = 0; p < pixels(l.in); ++p) sum += at(x, n, c, p);
        y(n, c, 0, 0) = sum / T(pixels(l.in));
      }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    start_gradient(run, step.dx, step.add_dx);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < l.in.c; ++c)
        for (int p = 0; p < pixels(l.in); ++p) add_to(at(dx, n, c, p), dy(n, c, 0, 0) / T(pixels(l.in)));
  }
};

}  // namespace tinycnn::reference
