// Activations other than ReLU where they are not fused with another layer, and the pass that fused ops share.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/thread_pool.hpp>
#include <tinycnn/backends/execution.hpp>

namespace tinycnn::cpu {

/// Calls f(first element, count) for parts of `all` elements that fit the first-level cache.
template <class Run, class F>
void for_hot_rows(const Run& run, std::int64_t all, const F& f) {
  constexpr std::int64_t size = 1 << 11;
  run.backend->pool().run(int((all + size - 1) / size), [&](int block, int) {
    const std::int64_t first = block * size;
    f(first, all - first < size ? all - first : size);
  });
}

/// dx = dy f'(v) (+ add, unless null) over all of `count` elements; v is what the activation's derivative takes.
template <class Run>
void apply_derivative(const Run& run, const AppliedActivation<float>& activation, std::int64_t count, const float* v,
                      const float* dy, const float* add, float* dx) {
  for_hot_rows(run, count, [=](std::int64_t at, std::int64_t part) {
    float sum[1 << 11];
    float* const to = add == nullptr ? dx + at : sum;
    activation.loops->gradient(*activation.layer, v + at, dy + at, to, part);
    for (std::int64_t i = 0; add != nullptr && i < part; ++i) dx[at + i] = sum[i] + add[at + i];
  });
}

/// y = f(x); dx = dy f'(x), or of y where the activation says so. equals: reference::ActivationOp.
template <bool OfOutput>
struct ActivationAlone {
  static constexpr std::string_view name = "activation";
  static constexpr const Kind* pattern[] = {&any_activation};
  static constexpr bool saves_input = !OfOutput, saves_output = OfOutput;
  static constexpr bool fits(const Match& m) {
    return m.activation_in_rows() && m.first().activation->of_output == OfOutput;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const auto activation = run.activation(step.layers[0]);
    const float* x = run.data(step.x);
    float* y = run.data(step.y);
    for_hot_rows(run, run.n * run.dims(step.y).size(), [=](std::int64_t at, std::int64_t count) {
      activation.loops->apply(*activation.layer, x + at, y + at, count);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    apply_derivative(run, run.activation(step.layers[0]), run.n * run.dims(step.y).size(),
                     run.data(OfOutput ? step.y : step.x), run.data(step.dy), run.data(step.add_dx),
                     run.data(step.dx));
  }
};

}  // namespace tinycnn::cpu
