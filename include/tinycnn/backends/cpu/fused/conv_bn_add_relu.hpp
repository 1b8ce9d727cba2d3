// Training: Conv + BatchNorm + sum with the shortcut + ReLU, the end of a residual block.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/fused/conv_bn_passes.hpp>
#include <tinycnn/layers/relu.hpp>
#include <tinycnn/layers/residual.hpp>

namespace tinycnn::cpu {

/// y = relu(scale v + shift + r) with v = conv(x) + bias, which is saved. r may have a deferred affine.
/// equals: reference::Conv2dOp, BatchNormOp, AddOp, ReluOp.
template <class Convolution>
struct ConvBnAddRelu {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+BatchNorm+Add+ReLU";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &add, &tinycnn::relu};
  static constexpr unsigned modes = in_training;
  static constexpr bool accepts_deferred = true, accepts_deferred_residual = true, saves_input = true,
                        saves_output = true;
  static constexpr bool reduces_for_batch_norm = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr MemoryRequirements requirements(const Match& m) {
    MemoryRequirements requirements = conv_bn_requirements<Convolution>(m, 1, m.first().out.pixels());
    requirements.saved = m.first().out.size();
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    StatisticsEpilogue<Isa> epilogue;
    epilogue.y = run.data(step.saved);
    run_with_statistics<Convolution>(run, step, epilogue);

    const Dims dims = run.layer(step, 0).out;
    const ChannelStatistics k(run.statistics(step), dims.c);
    const auto deferred = run.deferred(step.r);
    const float *v = run.data(step.saved), *r = run.data(step.r);
    float* y = run.data(step.y);
    const PixelBlocks blocks(dims.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      std::int64_t at = (blocks.sample(block) * dims.pixels() + blocks.first(block)) * dims.c;
      for (int p = 0; p < blocks.length(block); ++p, at += dims.c)
        for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
          V other = load<V>(r + at + c);
          if (deferred.scale != nullptr)
            other = fma<Isa>(other, load<V>(deferred.scale + c), load<V>(deferred.shift + c));
          if (deferred.relu) other = cpu::relu<Isa>(other);
          store<V>(y + at + c,
                   cpu::relu<Isa>(fma<Isa>(load<V>(v + at + c), load<V>(k.scale + c), load<V>(k.shift + c)) + other));
        });
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const float *dy = run.data(step.dy), *y = run.data(step.y);
    float* v = run.data(step.saved);  // (N,P,Q,O), overwritten by its gradient
    float* dr = run.data(step.dr);
    const float* add = run.data(step.add_dr);
    reduce_gradient<Isa>(run, step, dims.pixels(), v, [=]<class V>(V, std::int64_t at, int) {
      const V g = load<V>(y + at) > 0.0f ? load<V>(dy + at) : V{};
      if (dr != nullptr)
        store<V>(dr + at, add == nullptr ? g : g + load<V>(add + at));  // the shortcut's, in the same pass
      return g;
    });
    const bool dr_is_g = dr != nullptr && add == nullptr;
    expand_gradient<Isa>(run, step, v, [=]<class V>(V, std::int64_t at, int) {
      return dr_is_g ? load<V>(dr + at) : load<V>(y + at) > 0.0f ? load<V>(dy + at) : V{};
    });
    zero_bias_gradient(run, step);
    run_convolution_gradients<Convolution>(run, step, v, nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelStatistics(run.statistics(step), run.layer(step, 0).out.c));
  }
};

}  // namespace tinycnn::cpu
