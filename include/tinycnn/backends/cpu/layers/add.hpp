// Add where it is not fused with a convolution: the sum of two values with the same layout.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/element_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/residual.hpp>

namespace tinycnn::cpu {

/// y = x + r. The gradient of both is dy, so backward has work only for an operand whose gradient has another
/// contributor. equals: reference::AddOp.
template <class Isa>
struct Add {
  static constexpr std::string_view name = "Add";
  static constexpr const Kind* pattern[] = {&add};
  static constexpr bool passes_gradient = true;
  static constexpr bool fits(const Match& m) { return same_memory(m.first().in, m.first().out); }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    sum(run, run.data(step.x), run.data(step.r), run.data(step.y), step.y);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    if (step.dr >= 0) sum(run, run.data(step.dy), run.data(step.add_dr), run.data(step.dr), step.dr);
    if (step.dx >= 0) sum(run, run.data(step.dy), run.data(step.add_dx), run.data(step.dx), step.dx);
  }

 private:
  template <class Backend>
  static void sum(const Execution<Backend>& run, const float* a, const float* b, float* to, int value) {
    for_elements<Isa>(run.backend->pool(), run.n * run.dims(value).size(),
                      [&]<class V>(V, std::int64_t i) { store<V>(to + i, load<V>(a + i) + load<V>(b + i)); });
  }
};

}  // namespace tinycnn::cpu
