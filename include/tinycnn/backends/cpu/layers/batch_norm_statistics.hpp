// BatchNorm's statistics and coefficients per channel: computes scale and shift from the forward pass's sums, and the
// gradient's coefficients from those of the backward pass.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/batch_norm.hpp>

namespace tinycnn::cpu {

/// What a fused op saves per channel, each an array of C floats.
struct ChannelStatistics {
  float *mean, *inverse, *variance;  // of the batch; inverse = 1 / sqrt(variance + eps)
  float *scale, *shift;              // y = scale v + shift, the deferred affine
  float *mean_low, *inverse_low;     // the rounding errors of mean and inverse
  float *a, *b, *c;                  // dv = a g + b (v - mean) + c, see BatchNormGradient

  static constexpr int arrays = 10;
  static constexpr int deferred_array = 3;
  ChannelStatistics(float* from, int channels)
      : mean(from),
        inverse(mean + channels),
        variance(inverse + channels),
        scale(variance + channels),
        shift(scale + channels),
        mean_low(shift + channels),
        inverse_low(mean_low + channels),
        a(inverse_low + channels),
        b(a + channels),
        c(b + channels) {}

  /// Stores both with twice the precision of a float, since over two samples nearly all of the gradient cancels.
  void set(int channel, double exact_mean, double exact_inverse) const {
    mean[channel] = float(exact_mean);
    inverse[channel] = float(exact_inverse);
    mean_low[channel] = float(exact_mean - double(mean[channel]));
    inverse_low[channel] = float(exact_inverse - double(inverse[channel]));
  }
};

/// dv = a g + b (v - mean) + c for a register of channels. The mean is subtracted first: if it were folded into c, b v
/// and c would cancel where the mean is much larger than the deviation, with mean / deviation times f32's rounding
/// error.
template <class Isa, class V>
struct BatchNormGradient {
  V a, b, c, mean;

  [[gnu::always_inline]] BatchNormGradient(const ChannelStatistics& k, int channel)
      : a(load<V>(k.a + channel)),
        b(load<V>(k.b + channel)),
        c(load<V>(k.c + channel)),
        mean(load<V>(k.mean + channel)) {}
  [[gnu::always_inline]] V operator()(V g, V v) const { return fma<Isa>(a, g, fma<Isa>(b, v - mean, c)); }
};

/// sums (blocks, 2, C) of v and v^2 -> mean, variance, scale = gamma / sqrt(variance + eps), shift = beta - mean scale.
/// E[v^2] - mean^2 is computed in double; blocks are added in order, to the first.
template <class Run>
void finalize_statistics(const Run& run, const Layer& norm, const ChannelStatistics& k, double* sums, int blocks) {
  const int channels = norm.out.c;
  const double count = double(run.n) * double(norm.out.pixels());
  const float* gamma = run.parameter(norm, norm_weight);
  const float* beta = run.parameter(norm, norm_bias);
  // In the order of memory, as thousands of blocks exceed the first-level cache.
  for (int block = 1; block < blocks; ++block)
    for (std::int64_t i = 0; i < std::int64_t{2} * channels; ++i)
      sums[i] += sums[std::int64_t{2} * block * channels + i];
  for (int c = 0; c < channels; ++c) {
    const double mean = sums[c] / count, spread = sums[channels + c] / count - mean * mean;
    const double variance = spread < 0 ? 0 : spread;
    const double inverse = inverse_deviation<float>(variance, count, options_of<BatchNormOptions>(norm).epsilon);
    k.set(c, mean, inverse);
    k.variance[c] = float(variance);
    k.scale[c] = float(double(gamma[c]) * inverse);
    k.shift[c] = float(double(beta[c]) - mean * double(gamma[c]) * inverse);
  }
}

/// partials (blocks, 2, C), the sums of g and g (v - mean), with `stride` floats per block -> dgamma, dbeta and
/// BatchNormGradient's coefficients of dv = gamma inverse (g - mean(g) - xhat mean(g xhat)), xhat = (v - mean) inverse.
template <class Run>
[[gnu::cold]] void finalize_gradient(const Run& run, const Layer& norm, const ChannelStatistics& k,
                                     const float* partials, int blocks, std::int64_t stride, bool parameter_gradients) {
  const int channels = norm.out.c;
  const double count = double(run.n) * double(norm.out.pixels());
  const float* gamma = run.parameter(norm, norm_weight);
  constexpr int line = 16;  // channels per cache line: the partials of thousands of blocks exceed the first-level cache
  for (int first = 0; first < channels; first += line) {
    const int width = channels - first < line ? channels - first : line;
    double sums[line] = {}, products[line] = {};
    for (int block = 0; block < blocks; ++block)
      for (int i = 0; i < width; ++i) {
        sums[i] += double(partials[block * stride + first + i]);
        products[i] += double(partials[block * stride + channels + first + i]);
      }
    for (int i = 0; i < width; ++i) {
      const int c = first + i;
      const double inverse = double(k.inverse[c]) + double(k.inverse_low[c]), factor = double(gamma[c]) * inverse;
      const double product = (products[i] - sums[i] * double(k.mean_low[c])) * inverse;  // sum of g xhat
      const double b = -factor * inverse * product / count;
      if (parameter_gradients) {
        run.gradient(norm, norm_weight)[c] = float(product);
        run.gradient(norm, norm_bias)[c] = float(sums[i]);
      }
      k.a[c] = float(factor);
      k.b[c] = float(b);
      k.c[c] = float(-factor * sums[i] / count - b * double(k.mean_low[c]));
    }
  }
}

/// running = (1 - momentum) running + momentum batch, with the unbiased variance.
template <class Run>
[[gnu::cold]] void commit_statistics(const Run& run, const Layer& norm, const ChannelStatistics& k) {
  const double count = double(run.n) * double(norm.out.pixels());
  const double taken = options_of<BatchNormOptions>(norm).momentum;
  const float momentum = float(taken), keep = float(1 - taken);
  float* mean = run.parameter(norm, norm_mean);
  float* variance = run.parameter(norm, norm_variance);
  for (int c = 0; c < norm.out.c; ++c) {
    mean[c] = keep * mean[c] + momentum * k.mean[c];
    variance[c] = keep * variance[c] + momentum * float(double(k.variance[c]) * count / (count - 1));
  }
  run.parameter(norm, norm_batches)[0] += 1.0f;
}

}  // namespace tinycnn::cpu
