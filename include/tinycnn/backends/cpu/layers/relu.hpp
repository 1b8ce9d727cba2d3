// ReLU where it is not fused with another layer.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/element_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/relu.hpp>

namespace tinycnn::cpu {

/// y = max(x, 0), but NaN stays NaN; dx = dy where y > 0, else 0. equals: reference::ReluOp.
template <class Isa>
struct Relu {
  static constexpr std::string_view name = "ReLU";
  static constexpr const Kind* pattern[] = {&tinycnn::relu};
  static constexpr bool saves_output = true;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const float* x = run.data(step.x);
    float* y = run.data(step.y);
    for_elements<Isa>(run.backend->pool(), run.n * run.dims(step.y).size(),
                      [&]<class V>(V, std::int64_t i) { store<V>(y + i, cpu::relu<Isa>(load<V>(x + i))); });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const float *y = run.data(step.y), *dy = run.data(step.dy), *add = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    for_elements<Isa>(run.backend->pool(), run.n * run.dims(step.y).size(), [&]<class V>(V, std::int64_t i) {
      const V g = load<V>(y + i) <= 0.0f ? V{} : load<V>(dy + i);
      store<V>(dx + i, add == nullptr ? g : g + load<V>(add + i));
    });
  }
};

}  // namespace tinycnn::cpu
