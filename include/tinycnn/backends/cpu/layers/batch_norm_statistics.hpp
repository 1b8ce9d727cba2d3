// BatchNorm's statistics and coefficients per channel: from sums to scale and shift, and from the backward sums
// to the three coefficients of the gradient.
#pragma once

#include <cmath>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/batch_norm.hpp>

namespace tinycnn::cpu {

/// What a fused op saves per channel, each an array of C floats.
struct ChannelStatistics {
  float *mean, *inverse, *variance;  // of the batch; inverse = 1 / sqrt(variance + eps)
  float *scale, *shift;              // y = scale v + shift, the deferred affine
  float *a, *b, *c;                  // dv = a g + b v + c

  static constexpr int arrays = 8;
  static constexpr int deferred_array = 3;
  ChannelStatistics(float* from, int channels)
      : mean(from),
        inverse(mean + channels),
        variance(inverse + channels),
        scale(variance + channels),
        shift(scale + channels),
        a(shift + channels),
        b(a + channels),
        c(b + channels) {}
};

/// sums (blocks, 2, C) of v and v^2 -> mean, variance, scale = gamma / sqrt(variance + eps), shift = beta - mean scale.
/// E[v^2] - mean^2 is formed in double; blocks are added in order, to the first.
template <class Run>
void finalize_statistics(const Run& run, const Layer& norm, const ChannelStatistics& k, double* sums, int blocks) {
  const int channels = norm.out.c;
  const double count = double(run.n) * double(norm.out.pixels());
  const float* gamma = run.parameter(norm, norm_weight);
  const float* beta = run.parameter(norm, norm_bias);
  for (int block = 1; block < blocks; ++block)  // as they lie: thousands of blocks are beyond the first-level cache
    for (long i = 0; i < 2L * channels; ++i) sums[i] += sums[2L * block * channels + i];
  for (int c = 0; c < channels; ++c) {
    const double mean = sums[c] / count, spread = sums[channels + c] / count - mean * mean;
    const double variance = spread < 0 ? 0 : spread;
    const double inverse = inverse_deviation<float>(variance, count, norm.options.epsilon);
    k.mean[c] = float(mean);
    k.variance[c] = float(variance);
    k.inverse[c] = float(inverse);
    k.scale[c] = float(double(gamma[c]) * inverse);
    k.shift[c] = float(double(beta[c]) - mean * double(gamma[c]) * inverse);
  }
}

/// partials (blocks, 2, C) of g and g (v - mean), `stride` floats from block to block -> dgamma, dbeta and the
/// coefficients of dv = gamma inverse (g - mean(g) - xhat mean(g xhat)), xhat = (v - mean) inverse, as dv = a g + b v +
/// c.
template <class Run>
[[gnu::cold]] void finalize_gradient(const Run& run, const Layer& norm, const ChannelStatistics& k,
                                     const float* partials, int blocks, long stride, bool parameter_gradients) {
  const int channels = norm.out.c;
  const double count = double(run.n) * double(norm.out.pixels());
  const float* gamma = run.parameter(norm, norm_weight);
  constexpr int line =
      16;  // channels that lie in one line of the caches, where thousands of blocks are beyond the first
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
      const double inverse = double(k.inverse[c]), factor = double(gamma[c]) * inverse;
      const double product = products[i] * inverse;  // sum of g xhat
      if (parameter_gradients) {
        run.gradient(norm, norm_weight)[c] = float(product);
        run.gradient(norm, norm_bias)[c] = float(sums[i]);
      }
      const double b = -factor * inverse * product / count;
      k.a[c] = float(factor);
      k.b[c] = float(b);
      k.c[c] = float(-factor * sums[i] / count - b * double(k.mean[c]));
    }
  }
}

/// running = (1 - momentum) running + momentum batch, the variance unbiased.
template <class Run>
[[gnu::cold]] void commit_statistics(const Run& run, const Layer& norm, const ChannelStatistics& k) {
  const double count = double(run.n) * double(norm.out.pixels());
  const float take = float(norm.options.momentum), keep = float(1 - norm.options.momentum);
  float* mean = run.parameter(norm, norm_mean);
  float* variance = run.parameter(norm, norm_variance);
  for (int c = 0; c < norm.out.c; ++c) {
    mean[c] = keep * mean[c] + take * k.mean[c];
    variance[c] = keep * variance[c] + take * float(double(k.variance[c]) * count / (count - 1));
  }
  run.parameter(norm, norm_batches)[0] += 1.0f;
}

}  // namespace tinycnn::cpu
