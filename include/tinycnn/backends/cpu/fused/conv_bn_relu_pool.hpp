// Training: Conv + BatchNorm + activation + MaxPool. Pools before normalising; scale, shift and the activation are
// deferred.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/max_pool.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_passes.hpp>
#include <tinycnn/layers/max_pool.hpp>

namespace tinycnn::cpu {

/// Whether the windows are square and tile the image from its corner, none beyond its end: only then can a block's rows
/// be pooled while they are in the cache. A maximum may be taken before the activation only if that does not decrease.
constexpr bool pools_in_place(const Match& m) {
  const Layer& pool = m.last();
  const Window k = window_of(pool);
  const int side = k.rows.kernel;
  return m.layers[m.activation()]->activation->monotone && k.is_square() && k.rows.stride == side &&
         k.rows.padding == 0 && k.rows.dilation == 1 && side >= 2 && side <= 15 && pool.out.h * side <= pool.in.h &&
         pool.out.w * side <= pool.in.w;
}

/// Computes v = conv(x) + bias, its statistics, and the extremes of its pooling windows. Stores v at `y` unless `y` is
/// null.
template <class Convolution, class Run>
void run_with_statistics_and_pool(const Run& run, const Step& step, float* y) {
  using Isa = typename Convolution::Isa;
  StatisticsPoolEpilogue<Isa> epilogue;
  epilogue.y = y;
  epilogue.gamma = run.parameter(run.layer(step, 1), norm_weight);
  epilogue.pooled = run.data(step.y);
  epilogue.argmax = run.bytes(step.argmax);
  epilogue.k = window_of(run.layer(step, 3)).rows.kernel;
  epilogue.pooled_past_caches = streams<Isa>(epilogue.pooled, run.layer(step, 3).out, run.n,
                                             options_of<Conv2dOptions>(run.layer(step, 0)).groups);
  run_with_statistics<Convolution>(run, step, epilogue);
}

/// Max-pooling commutes with f(scale v + shift) if the activation f is monotone: the maximum where gamma > 0, the
/// minimum where gamma < 0, the first element where gamma = 0. Saves the convolution's output and one byte per
/// element of y. equals: reference::Conv2dOp, BatchNormOp, ReluOp or ActivationOp, MaxPoolOp, except for ties that only
/// rounding makes.
template <class Convolution>
struct ConvBnReluPool {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv+BatchNorm+activation+MaxPool";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &any_activation, &max_pool};
  static constexpr unsigned modes = in_training;
  static constexpr bool accepts_deferred = true, saves_input = true, saves_output = true;
  static constexpr bool reduces_for_batch_norm = true, uses_reduction = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr bool fits(const Match& m) { return Convolution::takes(m.first()) && pools_in_place(m); }
  static constexpr MemoryRequirements requirements(const Match& m) {
    MemoryRequirements requirements =
        conv_bn_requirements<Convolution>(m, window_of(m.last()).rows.kernel, m.last().out.pixels());
    requirements.saved = m.first().out.size();
    requirements.argmax_bytes = m.last().out.size();
    requirements.deferred_activation = m.activation();
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    run_with_statistics_and_pool<Convolution>(run, step, run.data(step.saved));
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const ChannelStatistics k(run.statistics(step), dims.c);
    const float *dy = run.data(step.dy), *pooled = run.data(step.y);  // (N,P/k,Q/k,O)
    const std::int64_t pixels = run.layer(step, 3).out.pixels();
    if (!step.reduced && run.activation_of(step).in_rows()) {
      float* g = behind_reduction(run, step, pixels);
      RowPasses<Isa, Execution<Backend>>::of(run).reduce_pooled(run, step, g);
      dy = g;
      pooled = nullptr;
    } else if (!step.reduced) {
      reduce_gradient<Isa>(run, step, pixels, pooled,
                           [=]<class V>(V, std::int64_t at, int c) { return masked<Isa, V>(dy, pooled, k, at, c); });
    } else {
      pooled = nullptr;
    }
    expand_pooled(run, step, k, dy, pooled);
    zero_bias_gradient(run, step);
    run_convolution_gradients<Convolution>(run, step, run.data(step.saved), nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelStatistics(run.statistics(step), run.layer(step, 0).out.c));
  }

 private:
  /// v <- a g + b (v - mean) + c in place in the convolution's output; g is 0 except at the argmax of each window. A
  /// task is one row of windows: k image rows of one sample.
  template <class Backend>
  static void expand_pooled(const Execution<Backend>& run, const Step& step, const ChannelStatistics& k,
                            const float* dy, const float* pooled) {
    const Dims dims = run.layer(step, 0).out, out = run.layer(step, 3).out;
    const int kernel = window_of(run.layer(step, 3)).rows.kernel;
    const int window_rows = (dims.h + kernel - 1) / kernel;
    run.backend->pool().run(run.n * window_rows, [&](int task, int) {
      const int n = task / window_rows, window_row = task % window_rows;
      const int rows = dims.h - window_row * kernel < kernel ? dims.h - window_row * kernel : kernel;
      float* v = run.data(step.saved) + (std::int64_t(n) * dims.h + window_row * kernel) * dims.w * dims.c;  // (k,Q,O)
      const int windows = window_row < out.h ? out.w : 0;
      for (int q = 0; q < windows; ++q) {
        const std::int64_t window = ((std::int64_t(n) * out.h + window_row) * out.w + q) * dims.c;
        expand_window(k, dims, kernel, dy + window, pooled == nullptr ? nullptr : pooled + window,
                      run.bytes(step.argmax) + window, v + std::int64_t(q) * kernel * dims.c);
      }
      for (int r = 0; r < rows; ++r)
        for (int q = windows * kernel; q < dims.w; ++q) {
          float* pixel = v + (std::int64_t(r) * dims.w + q) * dims.c;
          for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
            store<V>(pixel + c, BatchNormGradient<Isa, V>(k, c)(V{}, load<V>(pixel + c)));
          });
        }
    });
  }

  /// The same for one window, whose first pixel is at v (H,W,O) and whose gradient is at dy, masked by `pooled` unless
  /// that is null.
  static void expand_window(const ChannelStatistics& k, const Dims& dims, int kernel, const float* dy,
                            const float* pooled, const std::uint8_t* argmax, float* v) {
    for_channels<Isa>(dims.c,
                      [=, &k, channels = std::int64_t(dims.c), columns = std::int64_t(dims.w)]<class V>(V, int c) {
                        const V g = pooled == nullptr ? load<V>(dy + c) : masked<Isa, V>(dy, pooled, k, c, c);
                        const BatchNormGradient<Isa, V> gradient(k, c);
                        const auto largest = load_bytes<Isa>(V{}, argmax + c);
                        for (int r = 0, tap = 0; r < kernel; ++r)
                          for (int q = 0; q < kernel; ++q, ++tap) {
                            float* pixel = v + (r * columns + q) * channels + c;
                            store<V>(pixel, gradient(largest == tap ? g : V{}, load<V>(pixel)));
                          }
                      });
  }
};

}  // namespace tinycnn::cpu
