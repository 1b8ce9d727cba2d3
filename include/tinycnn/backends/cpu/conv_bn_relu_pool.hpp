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
template <class Convolution, class Run>
void run_with_statistics_and_pool(const Run& run, const Step& step, float* y) {
  using Isa = typename Convolution::Isa;
  StatisticsPoolEpilogue<Isa> epilogue;
  epilogue.y = y;
  epilogue.gamma = run.parameter(run.layer(step, 1), norm_weight);
  epilogue.pooled = run.data(step.y);
  epilogue.index = run.bytes(step.index);
  epilogue.k = run.layer(step, 3).options.window.kernel;
  epilogue.pooled_past_caches =
      streams<Isa>(epilogue.pooled, run.layer(step, 3).out, run.n, run.layer(step, 0).options.groups);
  run_with_statistics<Convolution>(run, step, epilogue);
}

/// Max-pooling commutes with the monotone relu(scale v + shift): the maximum where gamma > 0, the minimum where
/// gamma < 0, the first element where gamma = 0. Keeps the convolution's output and one byte an element of y.
/// equals: reference::Conv2dRow, BatchNormRow, ReluRow, MaxPoolRow, but for ties that only rounding makes.
template <class Convolution>
struct ConvBnReluPool {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+BatchNorm+ReLU+MaxPool";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &tinycnn::relu, &max_pool};
  static constexpr unsigned modes = in_training;
  static constexpr bool absorbs = true, emits = true, pending_relu = true, saves_input = true, saves_output = true;
  static constexpr bool finishes = true, takes_finished = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr bool fits(const Match& m) { return Convolution::takes(m.first()) && pools_in_place(m.last()); }
  static constexpr Needs needs(const Match& m) {
    Needs needs = conv_bn_needs<Convolution>(m, m.last().options.window.kernel, m.last().out.pixels());
    needs.inner = m.first().out.size();
    needs.index_bytes = m.last().out.size();
    return needs;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    run_with_statistics_and_pool<Convolution>(run, step, run.data(step.inner));
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
    run_convolution_gradients<Convolution>(run, step, run.data(step.inner), nullptr);
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
    const float* pooled = step.finished ? nullptr : run.data(step.y);
    run.backend->pool().run(run.n * bands, [&](int unit, int) {
      const int n = unit / bands, band = unit % bands;
      const int rows = dims.h - band * kernel < kernel ? dims.h - band * kernel : kernel;
      float* v = run.data(step.inner) + (long(n) * dims.h + band * kernel) * dims.w * dims.c;  // (k,Q,O)
      const int windows = band < out.h ? out.w : 0;
      for (int q = 0; q < windows; ++q) {
        const long window = ((long(n) * out.h + band) * out.w + q) * dims.c;
        expand_window(k, dims, kernel, run.data(step.dy) + window, pooled == nullptr ? nullptr : pooled + window,
                      run.bytes(step.index) + window, v + long(q) * kernel * dims.c);
      }
      for (int r = 0; r < rows; ++r)
        for (int q = windows * kernel; q < dims.w; ++q) {
          float* pixel = v + (long(r) * dims.w + q) * dims.c;
          for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
            put<V>(pixel + c, fma<Isa>(get<V>(k.b + c), get<V>(pixel + c), get<V>(k.c + c)));
          });
        }
    });
  }

  /// One window of v (H,W,O) with its gradient at dy, masked by `pooled` unless that is null, and the place it came
  /// from at index.
  static void expand_window(const ChannelNumbers& k, const Dims& dims, int kernel, const float* dy, const float* pooled,
                            const std::uint8_t* index, float* v) {
    for_channels<Isa>(dims.c, [=, &k, channels = long(dims.c), columns = long(dims.w)]<class V>(V, int c) {
      const V g = pooled == nullptr ? get<V>(dy + c) : masked<Isa, V>(dy, pooled, k, c, c);
      const V a = get<V>(k.a + c), b = get<V>(k.b + c), constant = get<V>(k.c + c);
      const auto taken = get_bytes<Isa>(V{}, index + c);
      for (int r = 0, here = 0; r < kernel; ++r)
        for (int q = 0; q < kernel; ++q, ++here) {
          float* pixel = v + (r * columns + q) * channels + c;
          put<V>(pixel, fma<Isa>(a, taken == here ? g : V{}, fma<Isa>(b, get<V>(pixel), constant)));
        }
    });
  }
};

}  // namespace tinycnn::cpu
