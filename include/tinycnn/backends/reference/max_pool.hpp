// MaxPool as plain loops.
#pragma once

#include <limits>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/max_pool.hpp>

namespace tinycnn::reference {

/// y = the largest of each window; ties go to the first, NaN wins (the last one, as in PyTorch). Keeps where each
/// maximum stood in its window.
struct MaxPoolRow {
  static constexpr std::string_view name = "MaxPool";
  static constexpr const Kind* pattern[] = {&max_pool};
  static constexpr bool fits(const Match& m) { return m.first().options.window.kernel <= 256 * 256; }
  static constexpr Needs needs(const Match& m) {
    return {.index_bytes = m.mode == Mode::inference ? 0 : 4 * m.first().out.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const Window k = l.options.window;
    const View<T> x = run.view(step.x), y = run.view(step.y);  // (N, C, H, W), (N, C, P, Q)
    std::uint32_t* index = reinterpret_cast<std::uint32_t*>(run.bytes(step.index));
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < l.out.c; ++c)
        for (int p = 0; p < l.out.h; ++p)
          for (int q = 0; q < l.out.w; ++q) {
            int best = -1;
            T value = -std::numeric_limits<T>::infinity();  // what a window of padding alone gives
            for (int r = 0; r < k.kernel; ++r)
              for (int s = 0; s < k.kernel; ++s) {
                const int h = p * k.stride + r * k.dilation - k.padding, w = q * k.stride + s * k.dilation - k.padding;
                if (h < 0 || h >= l.in.h || w < 0 || w >= l.in.w) continue;
                const T candidate = x(n, c, h, w);
                if (best < 0 || candidate > value || candidate != candidate) {
                  best = r * k.kernel + s;
                  value = candidate;
                }
              }
            y(n, c, p, q) = value;
            if (index != nullptr) index[n * l.out.size() + place(l.out, run.order, c, p, q)] = std::uint32_t(best);
          }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Scalar;
    const Layer& l = run.layer(step, 0);
    const Window k = l.options.window;
    const View<T> dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const std::uint32_t* index = reinterpret_cast<const std::uint32_t*>(run.bytes(step.index));
    start_gradient(run, step.dx, step.add_dx);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < l.out.c; ++c)
        for (int p = 0; p < l.out.h; ++p)
          for (int q = 0; q < l.out.w; ++q) {
            const int best = int(index[n * l.out.size() + place(l.out, run.order, c, p, q)]);
            if (best < 0) continue;
            const int h = p * k.stride + best / k.kernel * k.dilation - k.padding;
            const int w = q * k.stride + best % k.kernel * k.dilation - k.padding;
            dx(n, c, h, w) += dy(n, c, p, q);
          }
  }
};

}  // namespace tinycnn::reference
