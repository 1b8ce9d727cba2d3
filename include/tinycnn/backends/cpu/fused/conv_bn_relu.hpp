// Training: Conv + BatchNorm, with or without an activation. Stores the convolution's output; the rest is deferred.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/fused/conv_bn_passes.hpp>

namespace tinycnn::cpu {

/// y = conv(x) + bias. Its readers apply scale y + shift, and then the activation f if `Activated`.
/// equals: reference::Conv2dOp, BatchNormOp (and ReluOp or ActivationOp).
template <class Convolution, bool Activated>
struct DeferredConvBn {
  using Isa = typename Convolution::Isa;
  static constexpr unsigned modes = in_training;
  static constexpr bool accepts_deferred = true, saves_input = true, saves_output = true;
  static constexpr bool reduces_for_batch_norm = true, uses_reduction = Activated;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr MemoryRequirements requirements(const Match& m) {
    MemoryRequirements requirements = conv_bn_requirements<Convolution>(m, 1, m.first().out.pixels());
    requirements.deferred_activation = m.activation();
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    StatisticsEpilogue<Isa> epilogue;
    epilogue.y = run.data(step.y);
    run_with_statistics<Convolution>(run, step, epilogue);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const ChannelStatistics k(run.statistics(step), dims.c);
    const float* dy = run.data(step.dy);
    const bool reduced = step.reduced;
    float* y = run.data(step.y);  // (N,P,Q,O), overwritten by its gradient
    bool masks = Activated && !reduced;
    if (Activated && masks && run.activation_of(step).in_rows()) {
      float* to = behind_reduction(run, step, dims.pixels());
      RowPasses<Isa, Execution<Backend>>::of(run).gradient_after_norm(run, step, dims.pixels(), y, to);
      dy = to;
      masks = false;
    }
    const auto g = [=]<class V>(V, std::int64_t at, int c) {
      if (Activated && masks)
        return masked<Isa, V>(dy, y, k, at, c);
      else
        return load<V>(dy + at);
    };
    if (!reduced) reduce_gradient<Isa>(run, step, dims.pixels(), y, g);
    expand_gradient<Isa>(run, step, y, g);
    zero_bias_gradient(run, step);
    run_convolution_gradients<Convolution>(run, step, y, nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelStatistics(run.statistics(step), run.layer(step, 0).out.c));
  }
};

template <class Convolution>
struct ConvBnRelu : DeferredConvBn<Convolution, true> {
  static constexpr std::string_view name = "Conv+BatchNorm+activation";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &any_activation};
};

template <class Convolution>
struct ConvBn : DeferredConvBn<Convolution, false> {
  static constexpr std::string_view name = "Conv+BatchNorm";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm};
};

}  // namespace tinycnn::cpu
