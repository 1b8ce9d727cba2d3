// Training: Conv + BatchNorm + activation + MaxPool on the network's input. The convolution's output, the largest
// activation of all, is never stored: backward uses the Gram matrix of the images' patches instead.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/first_layer/pooled_weight_gradient.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_relu_pool.hpp>

namespace tinycnn::cpu {

/// With g the gradient of BatchNorm's output and dv = a g + b (v - mean) + c that of its input v = w x + bias
/// (`finalize_gradient`), dw = sum of (x - m) dv = a (sum of (x - m) g) + b C w over all patches x with mean m. C = sum
/// of (x - m) (x - m)^T needs no pass over v. docs/gram.md derives it. equals: ConvBnReluPool, except for rounding.
template <class Convolution>
struct FirstConvBnReluPool {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+BatchNorm+activation+MaxPool, Gram";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &any_activation, &max_pool};
  static constexpr unsigned modes = in_training;
  static constexpr bool saves_input = true, saves_output = true;
  static constexpr bool uses_reduction = true;
  static constexpr bool fits(const Match& m) {
    return !m.wants_dx && PatchGram::fits(Convolution::of(m.first()).s) && pools_in_place(m) &&
           window_of(m.last()).rows.kernel == 2;
  }
  static constexpr MemoryRequirements requirements(const Match& m) {
    const Convolution c = Convolution::of(m.first());
    const PooledWeightGradient<Isa> sparse(c.s);
    MemoryRequirements requirements = conv_bn_forward_requirements<Convolution>(m, Mode::inference, 2);
    requirements.scratch = larger(requirements.scratch, sparse.planes.floats() + sparse.scratch_floats());
    requirements.workspace = larger(requirements.workspace, 2 * PatchGram::size(c.s));  // doubles, as for the samples
    requirements.workspace_per_sample =
        larger(requirements.workspace_per_sample, 2 * PatchGram::size(c.s) + aligned(sparse.partial_floats()));
    requirements.argmax_bytes = m.last().out.size();
    requirements.deferred_activation = m.activation();
    if (m.activation_in_rows()) {  // and what reduce_pooled writes
      const std::int64_t sums = std::int64_t{2} * m.last().out.c * PixelBlocks(m.last().out.pixels()).per_sample;
      requirements.workspace_per_sample =
          larger(requirements.workspace_per_sample, sums) + aligned(m.last().out.size());
    }
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    run_with_statistics_and_pool<Convolution>(run, step, nullptr);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    if (!step.parameter_gradients) return;
    const Layer& conv = run.layer(step, 0);
    const ConvolutionShape s = Convolution::of(conv).s;
    const PooledWeightGradient<Isa> sparse(s);
    const ChannelStatistics k(run.statistics(step), conv.out.c);
    double* gram = reinterpret_cast<double*>(run.workspace);  // (K,K+1)
    double* grams = gram + PatchGram::size(s);                // (N,K,K+1)
    float* partials = reinterpret_cast<float*>(grams + run.n * PatchGram::size(s));
    const Pivots pivots(conv.in, run.n, run.data(step.x));
    PooledGradient gradient{run.data(step.dy), step.reduced ? nullptr : run.data(step.y), run.bytes(step.argmax)};
    if (!step.reduced && run.activation_of(step).in_rows()) {
      const std::int64_t room = run.plan->workspace + run.plan->workspace_per_sample * run.capacity;
      float* g = run.workspace + room / std::int64_t(sizeof(float)) - run.n * run.layer(step, 3).out.size();
      RowPasses<Isa, Execution<Backend>>::of(run).reduce_pooled(run, step, g);
      gradient = {g, nullptr, run.bytes(step.argmax)};
    }
    run.backend->pool().run(run.n, [&](int n, int worker) {
      float* pixels = run.scratch_of(worker);  // (C,rows,pitch)
      sparse.planes.load(s, run.data(step.x) + n * s.x.size(), pivots, pixels);
      patch_gram_of_sample<Isa>(s, pixels, grams + n * PatchGram::size(s));
      sparse.sample(pixels, gradient, k, n, pixels + sparse.planes.floats(),
                    partials + n * aligned(sparse.partial_floats()));
    });
    add_grams(s, run.n, grams, gram);
    if (gradient.pooled != nullptr)
      finalize_gradient(run, run.layer(step, 1), k, partials, run.n, aligned(sparse.partial_floats()), true);
    finalize_weight_gradient(run, step, k, gram, partials);
    zero_bias_gradient(run, step);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    ConvBnReluPool<Convolution>::commit(run, step);
  }

 private:
  template <class Run>
  [[gnu::cold]] static void finalize_weight_gradient(const Run& run, const Step& step, const ChannelStatistics& k,
                                                     const double* gram, const float* partials) {
    const Layer& conv = run.layer(step, 0);
    const ConvolutionShape s = Convolution::of(conv).s;
    const std::int64_t stride = aligned(PooledWeightGradient<Isa>(s).partial_floats());
    const int size = PatchGram::elements(s), outputs = s.y.c;
    const double count = double(run.n) * double(s.y.pixels());
    const float* w = run.parameter(conv, 0);                           // (K,O)
    const float* sum_g = run.gradient(run.layer(step, 1), norm_bias);  // (O)
    float* dw = run.gradient(conv, 0);                                 // (K,O)
    for (int e = 0; e < size; ++e) {
      const double *row = gram + std::int64_t(e) * (size + 1), mean = row[size] / count;
      for (int o = 0; o < outputs; ++o) {
        double x_g = -mean * double(sum_g[o]), x_v = 0;
        for (int n = 0; n < run.n; ++n) x_g += double(partials[n * stride + (std::int64_t{2} + e) * outputs + o]);
        for (int other = 0; other < size; ++other)
          x_v += (row[other] - mean * gram[std::int64_t(other) * (size + 1) + size]) *
                 double(w[std::int64_t(other) * outputs + o]);
        dw[std::int64_t(e) * outputs + o] = float(double(k.a[o]) * x_g + double(k.b[o]) * x_v);
      }
    }
  }
};

}  // namespace tinycnn::cpu
