// Training: Conv + BatchNorm + ReLU + MaxPool, pooled before it is normalised; scale, shift and ReLU wait for the
// readers.
#pragma once

#include <tinycnn/backends/cpu/conv_bn.hpp>
#include <tinycnn/backends/cpu/convolution_pool_epilogues.hpp>
#include <tinycnn/layers/max_pool.hpp>
#include <tinycnn/layers/relu.hpp>

namespace tinycnn::cpu {

/// Windows that tile the image from its corner: only then can a band of rows be pooled while it is hot.
constexpr bool pools_in_place(const Layer& pool) {
  const Window& k = pool.options.window;
  return k.stride == k.kernel && k.padding == 0 && k.dilation == 1 && k.kernel >= 2 && k.kernel <= 15;
}

/// y = conv(x) + bias, kept at `y` unless null, its statistics, and the extremes of its pooling windows.
template <class Isa, class Run>
void run_with_statistics_and_pool(const Run& run, const Step& step, float* y) {
  StatisticsPoolEpilogue<Isa> epilogue;
  epilogue.y = y;
  epilogue.gamma = run.parameter(run.layer(step, 1), norm_weight);
  epilogue.pooled = run.data(step.y);
  epilogue.index = run.bytes(step.index);
  epilogue.k = run.layer(step, 3).options.window.kernel;
  epilogue.pooled_past_caches =
      streams<Isa>(epilogue.pooled, run.layer(step, 3).out, run.n, run.layer(step, 0).options.groups);
  run_with_statistics<Isa>(run, step, epilogue);
}

/// Max-pooling commutes with the monotone relu(scale v + shift): the maximum where gamma > 0, the minimum where
/// gamma < 0, the first element where gamma = 0. Keeps the convolution's output and one byte an element of y.
/// equals: reference::Conv2dRow, BatchNormRow, ReluRow, MaxPoolRow, but for ties that only rounding makes.
template <class Isa>
struct ConvBnReluPool {
  static constexpr std::string_view name = "Conv+BatchNorm+ReLU+MaxPool";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &tinycnn::relu, &max_pool};
  static constexpr unsigned modes = in_training;
  static constexpr bool absorbs = true, emits = true, pending_relu = true, saves_input = true, saves_output = true;
  static constexpr bool finishes = true, takes_finished = true;
  static constexpr auto variant = &convolution_variant<Isa>;
  static constexpr bool fits(const Match& m) { return pools_in_place(m.last()); }
  static constexpr Needs needs(const Match& m) {
    Needs needs = conv_bn_needs<Isa>(m, m.last().options.window.kernel, m.last().out.pixels());
    needs.inner = m.first().out.size();
    needs.index_bytes = m.last().out.size();
    return needs;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    run_with_statistics_and_pool<Isa>(run, step, run.data(step.inner));
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const ChannelNumbers k(run.statistics(step), dims.c);
    const float *dy = run.data(step.dy), *pooled = run.data(step.y);  // (N,P/k,Q/k,O)
    if (!step.finished)
      reduce_gradient<Isa>(run, step, run.layer(step, 3).out.pixels(), pooled,
                           [=]<class V>(V, long at, int c) { return masked<Isa, V>(dy, pooled, k, at, c); });
    expand_pooled(run, step, k);
    zero_bias_gradient(run, step);
    run_convolution_gradients<Isa>(run, step, run.data(step.inner), nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelNumbers(run.statistics(step), run.layer(step, 0).out.c));
  }

 private:
  /// v <- b v + c for every pixel, + a g for the one its window took: in place in the convolution's output. A unit of
  /// work is one sample's band of k rows.
  template <class Backend>
  static void expand_pooled(const Execution<Backend>& run, const Step& step, const ChannelNumbers& k) {
    const Dims dims = run.layer(step, 0).out, out = run.layer(step, 3).out;
    const int kernel = run.layer(step, 3).options.window.kernel;
    const int bands = (dims.h + kernel - 1) / kernel;
    const float *dy = run.data(step.dy), *pooled = run.data(step.y);
    const std::uint8_t* index = run.bytes(step.index);
    const bool finished = step.finished;
    run.backend->pool().run(run.n * bands, [&](int unit, int) {
      const int n = unit / bands, band = unit % bands;
      for (int r = 0; r < kernel && band * kernel + r < dims.h; ++r) {
        float* v = run.data(step.inner) + (long(n) * dims.h + band * kernel + r) * dims.w * dims.c;  // (Q,O)
        for (int q = 0; q < dims.w; ++q, v += dims.c) {
          const int window = q / kernel, here = r * kernel + q % kernel;
          const bool covered = band < out.h && window < out.w;
          const long at = ((long(n) * out.h + band) * out.w + window) * dims.c;
          for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
            V value = fma<Isa>(get<V>(k.b + c), get<V>(v + c), get<V>(k.c + c));
            if (covered) {
              const V g = finished ? get<V>(dy + at + c) : masked<Isa, V>(dy, pooled, k, at + c, c);
              value = fma<Isa>(get<V>(k.a + c), chosen(V{}, index + at + c, here, g), value);
            }
            put<V>(v + c, value);
          });
        }
      }
    });
  }

  [[gnu::always_inline]] static float chosen(float, const std::uint8_t* index, int here, float g) {
    return *index == here ? g : 0.0f;
  }
  [[gnu::always_inline]] static Vector<Isa> chosen(Vector<Isa>, const std::uint8_t* index, int here, Vector<Isa> g) {
    return widen<Isa>(index) == here ? g : Vector<Isa>{};
  }
};

}  // namespace tinycnn::cpu
