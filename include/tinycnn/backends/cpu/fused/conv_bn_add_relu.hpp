// Training: Conv + BatchNorm + sum with the shortcut + activation, the end of a residual block.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/fused/conv_bn_passes.hpp>
#include <tinycnn/layers/residual.hpp>

namespace tinycnn::cpu {

/// What the activation is applied to: scale v + shift + r.
template <class Isa>
struct NormalisedSum {
  const float *v, *r;  // (N,P,Q,O)
  ChannelStatistics k;
  DeferredAffine<float> deferred;  // of r

  template <class Run>
  NormalisedSum(const Run& run, const Step& step)
      : v(run.data(step.saved)),
        r(run.data(step.r)),
        k(run.statistics(step), run.layer(step, 0).out.c),
        deferred(run.deferred(step.r)) {}

  /// Of channel c of the pixel at an offset.
  template <class V>
  [[gnu::always_inline]] V at(std::int64_t pixel, int c) const {
    V other = load<V>(r + pixel + c);
    if (deferred.scale != nullptr) other = fma<Isa>(other, load<V>(deferred.scale + c), load<V>(deferred.shift + c));
    if (deferred.activation.relu) other = cpu::relu<Isa>(other);
    return fma<Isa>(load<V>(v + pixel + c), load<V>(k.scale + c), load<V>(k.shift + c)) + other;
  }
};

/// y = f(scale v + shift + r), v = conv(x) + bias is saved; r may have a deferred affine.
/// equals: reference::Conv2dOp, BatchNormOp, AddOp, ReluOp or ActivationOp.
template <class Convolution>
struct ConvBnAddRelu {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+BatchNorm+Add+activation";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &add, &any_activation};
  static constexpr unsigned modes = in_training;
  static constexpr bool accepts_deferred = true, accepts_deferred_residual = true, saves_input = true,
                        saves_output = true;
  static constexpr bool reduces_for_batch_norm = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr MemoryRequirements requirements(const Match& m) {
    MemoryRequirements requirements = conv_bn_requirements<Convolution>(m, 1, m.first().out.pixels());
    requirements.deferred = -1;  // scale and shift are applied, since the sum is stored
    requirements.saved = m.first().out.size();
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    StatisticsEpilogue<Isa> epilogue;
    epilogue.y = run.data(step.saved);
    run_with_statistics<Convolution>(run, step, epilogue);

    const Dims dims = run.layer(step, 0).out;
    const auto activation = run.activation_of(step);
    const NormalisedSum<Isa> sum(run, step);
    float* y = run.data(step.y);
    const PixelBlocks blocks(dims.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      std::int64_t at = (blocks.sample(block) * dims.pixels() + blocks.first(block)) * dims.c;
      for (int p = 0; p < blocks.length(block); ++p, at += dims.c) {
        for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
          const V value = sum.template at<V>(at, c);
          store<V>(y + at + c, activation.relu ? cpu::relu<Isa>(value) : value);
        });
        if (activation.in_rows()) activation.apply(y + at, dims.c);
      }
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const float *dy = run.data(step.dy), *y = run.data(step.y);
    float* v = run.data(step.saved);  // (N,P,Q,O), overwritten by its gradient
    float* dr = run.data(step.dr);
    const float* add = run.data(step.add_dr);
    const bool masks = run.activation_of(step).relu;
    if (!masks) {
      float* g = behind_reduction(run, step, dims.pixels());
      RowPasses<Isa, Execution<Backend>>::of(run).gradient_after_sum(run, step, g);
      dy = g;
    }
    reduce_gradient<Isa>(run, step, dims.pixels(), v, [=]<class V>(V, std::int64_t at, int) {
      const V g = masked_by<V>(masks, y + at, dy + at);
      if (dr != nullptr)
        store<V>(dr + at, add == nullptr ? g : g + load<V>(add + at));  // the shortcut's, in the same pass
      return g;
    });
    const bool dr_is_g = dr != nullptr && add == nullptr;
    expand_gradient<Isa>(run, step, v, [=]<class V>(V, std::int64_t at, int) {
      return dr_is_g ? load<V>(dr + at) : masked_by<V>(masks, y + at, dy + at);
    });
    zero_bias_gradient(run, step);
    run_convolution_gradients<Convolution>(run, step, v, nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelStatistics(run.statistics(step), run.layer(step, 0).out.c));
  }

 private:
  /// dy where y > 0, else 0; all of dy if `masks` is false.
  template <class V>
  [[gnu::always_inline]] static V masked_by(bool masks, const float* y, const float* dy) {
    const V g = load<V>(dy);
    return masks ? load<V>(y) > 0.0f ? g : V{} : g;
  }
};

}  // namespace tinycnn::cpu
