// AvgPool and GlobalAvgPool as plain loops.
#pragma once

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/avg_pool.hpp>
#include <tinycnn/layers/global_avg_pool.hpp>

namespace tinycnn::reference {

/// y = sum of the window / kernel^2, padding counted as zeros; a window that reaches beyond the padding never exists,
/// since the output extent rounds down.
struct AvgPoolRow {
  static constexpr std::string_view name = "AvgPool";
  static constexpr const Kind* pattern[] = {&avg_pool};

  /// Calls f(n, c, p, q, h, w) for every element a window averages.
  template <class F>
  static void for_each_element(int n_count, const Layer& l, F&& f) {
    const Window k = l.options.window;
    for (int n = 0; n < n_count; ++n)
      for (int c = 0; c < l.out.c; ++c)
        for (int p = 0; p < l.out.h; ++p)
          for (int q = 0; q < l.out.w; ++q)
            for (int r = 0; r < k.kernel; ++r)
              for (int s = 0; s < k.kernel; ++s) {
                const int h = p * k.stride + r - k.padding, w = q * k.stride + s - k.padding;
                if (h >= 0 && h < l.in.h && w >= 0 && w < l.in.w) f(n, c, p, q, h, w);
              }
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const View<T> x = run.view(step.x), y = run.view(step.y);
    const T share = T(1) / T(l.options.window.kernel * l.options.window.kernel);
    for (long i = 0; i < run.n * l.out.size(); ++i) y.data[i] = T(0);
    for_each_element(run.n, l,
                     [&](int n, int c, int p, int q, int h, int w) { y(n, c, p, q) += x(n, c, h, w) * share; });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const View<T> dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const T share = T(1) / T(l.options.window.kernel * l.options.window.kernel);
    start_gradient(run, step.dx, step.add_dx);
    for_each_element(run.n, l,
                     [&](int n, int c, int p, int q, int h, int w) { dx(n, c, h, w) += dy(n, c, p, q) * share; });
  }
};

/// y[n, c] = mean over the pixels of x[n, c].
struct GlobalAvgPoolRow {
  static constexpr std::string_view name = "GlobalAvgPool";
  static constexpr const Kind* pattern[] = {&global_avg_pool};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const View<T> x = run.view(step.x), y = run.view(step.y);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < l.in.c; ++c) {
        T sum = T(0);
        for (int p = 0; p < pixels(l.in); ++p) sum += at(x, n, c, p);
        y(n, c, 0, 0) = sum / T(pixels(l.in));
      }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const View<T> dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    start_gradient(run, step.dx, step.add_dx);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < l.in.c; ++c)
        for (int p = 0; p < pixels(l.in); ++p) at(dx, n, c, p) += dy(n, c, 0, 0) / T(pixels(l.in));
  }
};

}  // namespace tinycnn::reference
