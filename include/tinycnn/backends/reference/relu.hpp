// ReLU as plain loops.
#pragma once

#include <cstdint>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/relu.hpp>

namespace tinycnn::reference {

/// y = max(x, 0), but NaN stays NaN; dx = dy where y > 0, else 0.
struct ReluOp {
  static constexpr std::string_view name = "ReLU";
  static constexpr const Kind* pattern[] = {&relu};
  static constexpr bool saves_output = true;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto* x = run.data(step.x);
    auto* y = run.data(step.y);
    for (std::int64_t i = 0; i < run.n * run.dims(step.y).size(); ++i) y[i] = T(x[i]) <= T(0) ? T(0) : T(x[i]);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto *y = run.data(step.y), *dy = run.data(step.dy), *add = run.data(step.add_dx);
    auto* dx = run.data(step.dx);
    for (std::int64_t i = 0; i < run.n * run.dims(step.y).size(); ++i)
      dx[i] = (T(y[i]) <= T(0) ? T(0) : T(dy[i])) + (add == nullptr ? T(0) : T(add[i]));
  }
};

}  // namespace tinycnn::reference
