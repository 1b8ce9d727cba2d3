// What the fused Conv+BatchNorm ops of training share: statistics in the forward pass, reductions in the backward pass.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/fused/conv.hpp>
#include <tinycnn/backends/cpu/fused/row_passes.hpp>
#include <tinycnn/backends/cpu/layers/batch_norm_statistics.hpp>
#include <tinycnn/backends/cpu/simd/channel_loop.hpp>

namespace tinycnn::cpu {

/// The memory that a convolution needs in `mode`, and the BatchNorm after it in the forward pass.
template <class Convolution>
constexpr MemoryRequirements conv_bn_forward_requirements(const Match& m, Mode mode, int row_multiple) {
  const Layer& conv = m.first();
  MemoryRequirements requirements = convolution_requirements<Convolution>(conv, mode, row_multiple);
  requirements.statistics = std::int64_t(ChannelStatistics::arrays) * conv.out.c;
  requirements.deferred = std::int64_t(ChannelStatistics::deferred_array) * conv.out.c;
  const std::int64_t backward = requirements.workspace_per_sample;
  requirements.workspace_per_sample =
      std::int64_t{4} * conv.out.c * Convolution::of(conv).blocks(1, row_multiple);  // 2 doubles each
  requirements.workspace_per_sample = larger(requirements.workspace_per_sample, backward);
  return requirements;
}

/// The same for training, including the backward reduction over `reduced_pixels` pixels per sample.
template <class Convolution>
constexpr MemoryRequirements conv_bn_requirements(const Match& m, int row_multiple, std::int64_t reduced_pixels) {
  MemoryRequirements requirements = conv_bn_forward_requirements<Convolution>(m, Mode::training, row_multiple);
  const std::int64_t backward = std::int64_t{2} * m.first().out.c * PixelBlocks(reduced_pixels).per_sample;
  requirements.workspace_per_sample = larger(requirements.workspace_per_sample, backward);
  if (m.activation_in_rows()) {  // and what gradient_after_norm writes
    requirements.workspace_per_sample =
        larger(requirements.workspace_per_sample, backward + m.first().out.c * reduced_pixels);
    requirements.workspace = larger(requirements.workspace, Graph::alignment);
  }
  return requirements;
}

/// The forward sums of a step in the workspace, after the packed weights.
template <class Convolution, class Run>
double* sums_of(const Run& run, const Step& step) {
  return reinterpret_cast<double*>(run.workspace + aligned(Convolution::of(run.layer(step, 0)).packed_forward()));
}

/// Runs the convolution with an epilogue that fills `sums`, then computes scale and shift from them.
template <class Convolution, class Run, class Epilogue>
void run_with_statistics(const Run& run, const Step& step, Epilogue& epilogue) {
  using Isa = typename Convolution::Isa;
  const Layer& conv = run.layer(step, 0);
  epilogue.dims = conv.out;
  epilogue.bias = bias_of(run, conv);
  epilogue.sums = sums_of<Convolution>(run, step);
  epilogue.past_caches = streams<Isa>(epilogue.y, conv.out, run.n, options_of<Conv2dOptions>(conv).groups);
  run_convolution<Convolution>(run, step, epilogue);
  const int blocks = Convolution::of(conv).blocks(run.n, epilogue.row_multiple());
  finalize_statistics(run, run.layer(step, 1), ChannelStatistics(run.statistics(step), conv.out.c), epilogue.sums,
                      blocks);
}

/// dy where scale v + shift > 0 (computed as in the forward pass, whose ReLU this is), else 0.
template <class Isa, class V>
[[gnu::always_inline]] inline V masked(const float* dy, const float* v, const ChannelStatistics& k, std::int64_t at,
                                       int c) {
  const V value = fma<Isa>(load<V>(v + at), load<V>(k.scale + c), load<V>(k.shift + c));
  return value > 0.0f ? load<V>(dy + at) : V{};
}

/// Where a step's backward pass may write g of `pixels` a sample: in the workspace behind the sums of reduce_gradient.
template <class Run>
float* behind_reduction(const Run& run, const Step& step, std::int64_t pixels) {
  const std::int64_t channels = run.layer(step, 1).out.c;
  return run.workspace + aligned(2 * channels * PixelBlocks(pixels).count(run.n));
}

/// Sums g and g (v - mean) over fixed blocks of a sample's `pixels`, then computes dgamma, dbeta and the gradient's
/// coefficients. g(V{}, at, c) returns g at offset `at` in the batch, channel c; `v` is BatchNorm's input.
template <class Isa, class Run, class G>
void reduce_gradient(const Run& run, const Step& step, std::int64_t pixels, const float* v, G&& g) {
  const Layer& norm = run.layer(step, 1);
  const int channels = norm.out.c;
  const ChannelStatistics k(run.statistics(step), channels);
  const PixelBlocks blocks(pixels);
  run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
    float* sums = run.workspace + std::int64_t{2} * block * channels;  // (2,C)
    for (int c = 0; c < 2 * channels; ++c) sums[c] = 0;
    std::int64_t at = (blocks.sample(block) * pixels + blocks.first(block)) * channels;
    for (int p = 0; p < blocks.length(block); ++p, at += channels)
      for_channels<Isa>(channels, [&]<class V>(V, int c) {
        const V gradient = g(V{}, at + c, c);
        store<V>(sums + c, load<V>(sums + c) + gradient);
        store<V>(sums + channels + c,
                 fma<Isa>(gradient, load<V>(v + at + c) - load<V>(k.mean + c), load<V>(sums + channels + c)));
      });
  });
  finalize_gradient(run, norm, k, run.workspace, blocks.count(run.n), std::int64_t{2} * channels,
                    step.parameter_gradients);
}

/// v <- a g + b (v - mean) + c in place: overwrites the convolution's output with its gradient.
template <class Isa, class Run, class G>
void expand_gradient(const Run& run, const Step& step, float* v, G&& g) {
  const Dims dims = run.layer(step, 0).out;
  const ChannelStatistics k(run.statistics(step), dims.c);
  const PixelBlocks blocks(dims.pixels());
  run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
    std::int64_t at = (blocks.sample(block) * dims.pixels() + blocks.first(block)) * dims.c;
    for (int p = 0; p < blocks.length(block); ++p, at += dims.c)
      for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
        store<V>(v + at + c, BatchNormGradient<Isa, V>(k, c)(g(V{}, at + c, c), load<V>(v + at + c)));
      });
  });
}

/// Sets the gradient of the convolution's bias to 0, which it is exactly: BatchNorm subtracts the bias with the mean.
template <class Run>
void zero_bias_gradient(const Run& run, const Step& step) {
  const Layer& conv = run.layer(step, 0);
  if (!options_of<Conv2dOptions>(conv).bias || !step.parameter_gradients) return;
  for (int o = 0; o < conv.out.c; ++o) run.gradient(conv, 1)[o] = 0;
}

}  // namespace tinycnn::cpu
