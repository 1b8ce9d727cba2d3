// Inference: BatchNorm, if there is one, folded into the preceding convolution's weights; the shortcut's sum, the
// activation and MaxPool run in its epilogue.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/backends/cpu/fused/conv.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_relu_pool.hpp>
#include <tinycnn/backends/cpu/layers/batch_norm_statistics.hpp>
#include <tinycnn/layers/residual.hpp>

namespace tinycnn::cpu {

/// With s = gamma / sqrt(running_var + eps), the folded weights are s w and the folded bias is s (b - running_mean) +
/// beta; without BatchNorm s = 1. `prepare` computes and packs them once per change of the parameters: prepared =
/// packed weights, then bias (O).
template <class Convolution>
struct Folded {
  using Isa = typename Convolution::Isa;
  static constexpr unsigned modes = in_inference;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr MemoryRequirements requirements(const Match& m) { return requirements_with(m, 1); }

  /// The memory for any algorithm that choose_inference_algorithm may give, since the plan is the same for every
  /// capacity.
  static constexpr MemoryRequirements requirements_with(const Match& m, int row_multiple) {
    MemoryRequirements requirements;
    for (const Algorithm a : {Algorithm::direct, Algorithm::winograd, Algorithm::narrow}) {
      const ConvolutionShape s = Convolution::of(m.first()).s;
      if (a != Algorithm::direct && choose_algorithm(s) == Algorithm::direct) continue;
      const Convolution c(s, a);
      requirements.prepared = larger(requirements.prepared, aligned(c.packed_forward()) + m.first().out.c);
      requirements.scratch = larger(requirements.scratch, c.forward_scratch(row_multiple));
    }
    return requirements;
  }

  template <class Backend>
  static Convolution convolution(const Execution<Backend>& run, const Step& step) {
    const ConvolutionShape s = Convolution::of(run.layer(step, 0)).s;
    return Convolution(s, choose_inference_algorithm<Isa>(s, run.capacity));
  }

  template <class Backend>
  [[gnu::cold]] static void prepare(const Execution<Backend>& run, const Step& step) {
    const Layer &conv = run.layer(step, 0), &norm = run.layer(step, 1);
    const Convolution c = convolution(run, step);
    float* packed = run.prepared(step);
    float* bias = const_cast<float*>(folded_bias(run, step));
    c.pack(run.parameter(conv, 0), packed, run.backend->pool());
    const float *mean = run.parameter(norm, norm_mean), *variance = run.parameter(norm, norm_variance);
    const float *gamma = run.parameter(norm, norm_weight), *beta = run.parameter(norm, norm_bias);
    const auto scale = [&](int o) {
      return double(gamma[o]) / std::sqrt(double(variance[o]) + options_of<BatchNormOptions>(norm).epsilon);
    };
    for (int o = 0; o < conv.out.c; ++o) {
      const double b = options_of<Conv2dOptions>(conv).bias ? double(run.parameter(conv, 1)[o]) : 0;
      bias[o] = float(scale(o) * (b - double(mean[o])) + double(beta[o]));
    }
    const int outputs = c.packed_outputs(), panels = ceil_div(outputs, NR<Isa>), rows = c.packed_rows();
    run.backend->pool().run(conv.out.c / outputs * panels, [&](int task, int) {
      float factors[NR<Isa>] = {};
      for (int o = 0; o < NR<Isa> && task % panels * NR<Isa> + o < outputs; ++o)
        factors[o] = float(scale(task / panels * outputs + task % panels * NR<Isa> + o));
      float* panel = packed + std::int64_t(task) * rows * NR<Isa>;  // (rows,NR)
      for (int row = 0; row < rows; ++row, panel += NR<Isa>)
        for (int o = 0; o < NR<Isa>; ++o) panel[o] *= factors[o];
    });
  }

  template <class Backend>
  static const float* folded_bias(const Execution<Backend>& run, const Step& step) {
    return run.prepared(step) + aligned(convolution(run, step).packed_forward());
  }

  template <class Backend, class Epilogue>
  static void run_folded(const Execution<Backend>& run, const Step& step, Epilogue& epilogue) {
    const Layer& conv = run.layer(step, 0);
    epilogue.dims = conv.out;
    epilogue.bias = folded_bias(run, step);
    convolution(run, step).forward(run.n, source_of<Isa>(run, step.x), run.prepared(step), epilogue,
                                   run.backend->pool(), run.scratch);
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    StoreEpilogue<Isa> store;
    store.y = run.data(step.y);
    store.add = run.data(step.r);
    store.activation = run.activation_of(step);
    run_folded(run, step, store);
  }
};

/// Without BatchNorm there is nothing to fold: `prepare` packs the weights.
template <class Convolution>
struct Packed : Folded<Convolution> {
  template <class Backend>
  [[gnu::cold]] static void prepare(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    Packed::convolution(run, step).pack(run.parameter(conv, 0), run.prepared(step), run.backend->pool());
    float* bias = const_cast<float*>(Packed::folded_bias(run, step));
    for (int o = 0; o < conv.out.c; ++o) bias[o] = options_of<Conv2dOptions>(conv).bias ? run.parameter(conv, 1)[o] : 0;
  }
};

/// An inference op with a MaxPool as its last layer. `Base`: Folded or Packed.
template <class Convolution, template <class> class Base>
struct WithPool : Base<Convolution> {
  static constexpr bool fits(const Match& m) { return Convolution::takes(m.first()) && pools_in_place(m); }
  static constexpr MemoryRequirements requirements(const Match& m) {
    return Base<Convolution>::requirements_with(m, window_of(m.last()).rows.kernel);
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    PoolEpilogue<typename Convolution::Isa> pool;
    pool.pooled = run.data(step.y);
    pool.k = window_of(run.layer(step, step.layer_count - 1)).rows.kernel;
    pool.activation = run.activation_of(step);
    Base<Convolution>::run_folded(run, step, pool);
  }
};

template <class Convolution>
struct FoldedConvBnReluPool : WithPool<Convolution, Folded> {
  static constexpr std::string_view name = "Conv+BatchNorm+activation+MaxPool, folded";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &any_activation, &max_pool};
};

template <class Convolution>
struct FoldedConvBnAddRelu : Folded<Convolution> {
  static constexpr std::string_view name = "Conv+BatchNorm+Add+activation, folded";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &add, &any_activation};
};

template <class Convolution>
struct FoldedConvBnRelu : Folded<Convolution> {
  static constexpr std::string_view name = "Conv+BatchNorm+activation, folded";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &any_activation};
};

template <class Convolution>
struct FoldedConvBn : Folded<Convolution> {
  static constexpr std::string_view name = "Conv+BatchNorm, folded";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm};
};

template <class Convolution>
struct PackedConvActivationPool : WithPool<Convolution, Packed> {
  static constexpr std::string_view name = "Conv+activation+MaxPool, packed";
  static constexpr const Kind* pattern[] = {&conv2d, &any_activation, &max_pool};
};

template <class Convolution>
struct PackedConvActivation : Packed<Convolution> {
  static constexpr std::string_view name = "Conv+activation, packed";
  static constexpr const Kind* pattern[] = {&conv2d, &any_activation};
};

}  // namespace tinycnn::cpu
