// Training: Conv + activation without a BatchNorm between them.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/fused/conv.hpp>
#include <tinycnn/backends/cpu/fused/row_passes.hpp>
#include <tinycnn/backends/cpu/simd/element_loop.hpp>

namespace tinycnn::cpu {

/// v = conv(x) + bias. ReLU: y = relu(v) is stored, since readers need no more. Any other activation is deferred: v is
/// stored, from which backward computes f'(v). In backward y becomes the gradient of v.
/// equals: reference::Conv2dOp, ReluOp or ActivationOp.
template <class Convolution>
struct ConvActivation {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+activation";
  static constexpr const Kind* pattern[] = {&conv2d, &any_activation};
  static constexpr unsigned modes = in_training | in_evaluation;
  static constexpr bool accepts_deferred = true, reduces_for_batch_norm = true;
  static constexpr bool saves_input = true, saves_output = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  /// The caller may read the plan's output after the backward pass, so that must not be overwritten.
  static constexpr bool fits(const Match& m) {
    return Convolution::takes(m.first()) && (m.activation_in_rows() || !m.is_output);
  }
  static constexpr MemoryRequirements requirements(const Match& m) {
    MemoryRequirements requirements = convolution_requirements<Convolution>(m.first(), m.mode);
    if (m.activation_in_rows()) requirements.deferred_activation = 1;
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    StoreEpilogue<Isa> store;
    store.y = run.data(step.y);
    store.dims = conv.out;
    store.bias = bias_of(run, conv);
    store.activation.relu = run.activation_of(step).relu;
    store.past_caches = streams<Isa>(store.y, conv.out, run.n, options_of<Conv2dOptions>(conv).groups);
    run_convolution<Convolution>(run, step, store);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    const auto activation = run.activation_of(step);
    const float* dy = run.data(step.dy);
    float* y = run.data(step.y);  // (N,P,Q,O)
    const std::int64_t count = run.n * conv.out.size();
    if (activation.relu)
      for_elements<Isa>(run.backend->pool(), count, [=]<class V>(V, std::int64_t i) {
        store<V>(y + i, load<V>(y + i) <= 0.0f ? V{} : load<V>(dy + i));
      });
    else
      RowPasses<Isa, Execution<Backend>>::of(run).gradient_in_place(run, activation, count, y, dy);
    run_convolution_gradients<Convolution>(
        run, step, y,
        options_of<Conv2dOptions>(conv).bias && step.parameter_gradients ? run.gradient(conv, 1) : nullptr);
  }
};

}  // namespace tinycnn::cpu
