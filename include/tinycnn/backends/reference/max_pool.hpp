// MaxPool as plain loops.
#pragma once

#include <cstdint>
#include <limits>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/max_pool.hpp>

namespace tinycnn::reference {

/// y = the maximum of each window; the first of equal maxima wins, NaN wins over numbers, the last NaN over others, as
/// in PyTorch. Saves the argmax, the maximum's row-major index in its window.
struct MaxPoolOp {
  static constexpr std::string_view name = "MaxPool";
  static constexpr const Kind* pattern[] = {&max_pool};
  static constexpr bool fits(const Match& m) {
    const Window k = window_of(m.first());
    return std::int64_t(k.rows.kernel) * k.columns.kernel <= std::int64_t{1} << 31;  // an argmax has 32 bits
  }
  static constexpr MemoryRequirements requirements(const Match& m) {
    return {.argmax_bytes = m.mode == Mode::inference ? 0 : 4 * m.first().out.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const Window k = window_of(l);
    const auto x = run.view(step.x), y = run.view(step.y);  // (N, C, H, W), (N, C, P, Q)
    std::uint32_t* argmax = run.template data<std::uint32_t>(step.argmax);
    for_each_element(run.n, l.out, [&](int n, int c, int p, int q) {
      int best = -1;
      T value = -std::numeric_limits<T>::infinity();  // of a window that covers only padding
      for_each_tap(k, p, q, l.in, [&](int h, int w, int tap) {
        const T candidate = x(n, c, h, w);
        if (best >= 0 && !(candidate > value) && candidate == candidate) return;
        best = tap;
        value = candidate;
      });
      y(n, c, p, q) = value;
      if (argmax != nullptr) argmax[n * l.out.size() + offset_of(l.out, run.order, c, p, q)] = std::uint32_t(best);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const Window k = window_of(l);
    const auto dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const std::uint32_t* argmax = run.template data<std::uint32_t>(step.argmax);
    start_gradient(run, step.dx, step.add_dx);
    for_each_element(run.n, l.in, [&](int n, int c, int h, int w) {
      T sum = dx(n, c, h, w);
      for_each_window(k, h, w, l.out, [&](int p, int q, int tap) {
        if (int(argmax[n * l.out.size() + offset_of(l.out, run.order, c, p, q)]) == tap) sum += dy(n, c, p, q);
      });
      dx(n, c, h, w) = sum;
    });
  }
};

}  // namespace tinycnn::reference
