// Training: Conv + BatchNorm + sum with the shortcut + ReLU, the end of a residual block.
#pragma once

#include <tinycnn/backends/cpu/conv_bn.hpp>
#include <tinycnn/layers/relu.hpp>
#include <tinycnn/layers/residual.hpp>

namespace tinycnn::cpu {

/// y = relu(scale v + shift + r), v = conv(x) + bias kept inside; r may itself be pending.
/// equals: reference::Conv2dRow, BatchNormRow, AddRow, ReluRow.
template <class Convolution>
struct ConvBnAddRelu {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+BatchNorm+Add+ReLU";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &add, &tinycnn::relu};
  static constexpr unsigned modes = in_training;
  static constexpr bool absorbs = true, absorbs_residual = true, saves_input = true, saves_output = true;
  static constexpr bool finishes = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr Needs needs(const Match& m) {
    Needs needs = conv_bn_needs<Convolution>(m, 1, m.first().out.pixels());
    needs.inner = m.first().out.size();
    return needs;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    StatisticsEpilogue<Isa> epilogue;
    epilogue.y = run.data(step.inner);
    run_with_statistics<Convolution>(run, step, epilogue);

    const Dims dims = run.layer(step, 0).out;
    const ChannelNumbers k(run.statistics(step), dims.c);
    const auto pending = run.pending(step.r);
    const float *v = run.data(step.inner), *r = run.data(step.r);
    float* y = run.data(step.y);
    const PixelBlocks blocks(dims.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      long at = (blocks.sample(block) * dims.pixels() + blocks.first(block)) * dims.c;
      for (int p = 0; p < blocks.length(block); ++p, at += dims.c)
        for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
          V other = get<V>(r + at + c);
          if (pending.scale != nullptr) other = fma<Isa>(other, get<V>(pending.scale + c), get<V>(pending.shift + c));
          if (pending.relu) other = cpu::relu<Isa>(other);
          put<V>(y + at + c,
                 cpu::relu<Isa>(fma<Isa>(get<V>(v + at + c), get<V>(k.scale + c), get<V>(k.shift + c)) + other));
        });
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const float *dy = run.data(step.dy), *y = run.data(step.y);
    float* v = run.data(step.inner);  // (N,P,Q,O), becomes its own gradient
    float* dr = run.data(step.dr);
    const float* held = run.data(step.add_dr);
    reduce_gradient<Isa>(run, step, dims.pixels(), v, [=]<class V>(V, long at, int) {
      const V g = get<V>(y + at) > 0.0f ? get<V>(dy + at) : V{};
      if (dr != nullptr) put<V>(dr + at, held == nullptr ? g : g + get<V>(held + at));  // the shortcut's, in one pass
      return g;
    });
    const bool passed = dr != nullptr && held == nullptr;
    expand_gradient<Isa>(run, step, v, [=]<class V>(V, long at, int) {
      return passed ? get<V>(dr + at) : get<V>(y + at) > 0.0f ? get<V>(dy + at) : V{};
    });
    zero_bias_gradient(run, step);
    run_convolution_gradients<Convolution>(run, step, v, nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelNumbers(run.statistics(step), run.layer(step, 0).out.c));
  }
};

}  // namespace tinycnn::cpu
