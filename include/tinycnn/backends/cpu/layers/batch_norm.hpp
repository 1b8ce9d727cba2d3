// BatchNorm where it is not fused with a convolution: batch statistics in training, running statistics otherwise.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/layers/batch_norm_statistics.hpp>
#include <tinycnn/backends/cpu/simd/channel_loop.hpp>

namespace tinycnn::cpu {

/// Divides the batch into fixed blocks of rows; a row is the channels of one pixel, or the features of a flat sample.
/// Rows of features are long and few, so these blocks are also divided into strips.
struct RowBlocks {
  static constexpr int size = 256;
  std::int64_t rows = 0;
  int channels = 0, strip = 0;

  constexpr RowBlocks(const Dims& d, int n) : rows(n * d.pixels()), channels(d.c), strip(d.flat ? 64 : d.c) {}
  [[nodiscard]] constexpr int blocks() const { return int((rows + size - 1) / size); }
  [[nodiscard]] constexpr int strips() const { return (channels + strip - 1) / strip; }
  [[nodiscard]] constexpr int tasks() const { return blocks() * strips(); }

  [[nodiscard]] constexpr int block(int task) const { return task / strips(); }
  [[nodiscard]] constexpr std::int64_t first_row(int task) const { return std::int64_t(block(task)) * size; }
  [[nodiscard]] constexpr int row_count(int task) const {
    const std::int64_t left = rows - first_row(task);
    return int(left < size ? left : size);
  }
  [[nodiscard]] constexpr int first_channel(int task) const { return task % strips() * strip; }
  [[nodiscard]] constexpr int channel_count(int task) const {
    const int left = channels - first_channel(task);
    return left < strip ? left : strip;
  }
};

/// y = gamma (x - mean) / sqrt(variance + eps) + beta; dx = gamma / sqrt(variance + eps) (dy - mean(dy) - xhat mean(dy
/// xhat)) in training, gamma / sqrt(variance + eps) dy otherwise. equals: reference::BatchNormOp.
template <class Isa>
struct BatchNorm {
  static constexpr std::string_view name = "BatchNorm";
  static constexpr const Kind* pattern[] = {&batch_norm};
  static constexpr bool saves_input = true;
  static constexpr MemoryRequirements requirements(const Match& m) {
    const Dims d = as_rows(m.first()).out;
    MemoryRequirements requirements;
    requirements.statistics = std::int64_t(ChannelStatistics::arrays) * d.c;
    if (m.mode == Mode::inference) return requirements;
    requirements.workspace =
        std::int64_t{4} * d.c;  // two doubles per channel and block of rows; the last block may not be full
    requirements.workspace_per_sample = (std::int64_t{4} * d.c * d.pixels() + RowBlocks::size - 1) / RowBlocks::size;
    return requirements;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer norm = as_rows(run.layer(step, 0));
    const ChannelStatistics k(run.statistics(step), norm.out.c);
    const float *x = run.data(step.x), *beta = run.parameter(norm, norm_bias);
    float* y = run.data(step.y);
    if (run.plan->demand.mode == Mode::training)
      compute_statistics(run, norm, k, x);
    else
      use_running_statistics(run, norm, k);
    for_each(run, norm, [=]<class V>(V, std::int64_t at, int c) {
      store<V>(y + at, fma<Isa>(load<V>(x + at) - load<V>(k.mean + c), load<V>(k.scale + c), load<V>(beta + c)));
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer norm = as_rows(run.layer(step, 0));
    const ChannelStatistics k(run.statistics(step), norm.out.c);
    const float *x = run.data(step.x), *dy = run.data(step.dy), *add = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    const bool training = run.plan->demand.mode == Mode::training;
    if (training || step.parameter_gradients) reduce(run, norm, k, x, dy, step.parameter_gradients);
    if (step.dx < 0) return;
    if (!training)
      for (int c = 0; c < norm.out.c; ++c) k.a[c] = k.scale[c], k.b[c] = k.c[c] = 0;
    for_each(run, norm, [=]<class V>(V, std::int64_t at, int c) {
      const V g = BatchNormGradient<Isa, V>(k, c)(load<V>(dy + at), load<V>(x + at));
      store<V>(dx + at, add == nullptr ? g : g + load<V>(add + at));
    });
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    const Layer norm = as_rows(run.layer(step, 0));
    commit_statistics(run, norm, ChannelStatistics(run.statistics(step), norm.out.c));
  }

 private:
  /// The layer with a flat sample as one row of features, whatever image it came from; its parameters have that order.
  static constexpr Layer as_rows(Layer norm) {
    if (norm.out.flat) norm.out = {int(norm.out.size()), 1, 1, true};
    return norm;
  }

  /// Calls f(V{}, offset in the batch, channel) for every element.
  template <class Backend, class F>
  static void for_each(const Execution<Backend>& run, const Layer& norm, const F& f) {
    const RowBlocks blocks(norm.out, run.n);
    run.backend->pool().run(blocks.tasks(), [&](int task, int) {
      const int first = blocks.first_channel(task);
      std::int64_t at = blocks.first_row(task) * blocks.channels + first;
      for (int row = 0; row < blocks.row_count(task); ++row, at += blocks.channels)
        for_channels<Isa>(blocks.channel_count(task), [&]<class V>(V v, int c) { f(v, at + c, first + c); });
    });
  }

  /// Computes the sums relative to the block's own mean, so that the variance loses no precision if the mean is far
  /// from 0.
  template <class Backend>
  static void compute_statistics(const Execution<Backend>& run, const Layer& norm, const ChannelStatistics& k,
                                 const float* x) {
    const RowBlocks blocks(norm.out, run.n);
    double* sums = reinterpret_cast<double*>(run.workspace);  // (blocks,2,C)
    run.backend->pool().run(blocks.tasks(), [&](int task, int) {
      const int first = blocks.first_channel(task), count = blocks.row_count(task);
      const float* from = x + blocks.first_row(task) * blocks.channels + first;  // (rows,C)
      double* to = sums + std::int64_t{2} * blocks.block(task) * blocks.channels + first;
      for_channels<Isa>(blocks.channel_count(task), [&]<class V>(V, int c) {
        V sum{}, rest{}, squares{};
        for (int row = 0; row < count; ++row) sum += load<V>(from + std::int64_t(row) * blocks.channels + c);
        const V center = sum / float(count);
        for (int row = 0; row < count; ++row) {
          const V off = load<V>(from + std::int64_t(row) * blocks.channels + c) - center;
          rest += off;
          squares = fma<Isa>(off, off, squares);
        }
        constexpr int width = sizeof(V) / sizeof(float);
        float centers[width], rests[width], all_squares[width];
        store<V>(centers, center), store<V>(rests, rest), store<V>(all_squares, squares);
        for (int i = 0; i < width; ++i) {
          const double m = double(centers[i]), r = double(rests[i]);
          to[c + i] = count * m + r;
          to[blocks.channels + c + i] = double(all_squares[i]) + m * (2 * r + count * m);
        }
      });
    });
    finalize_statistics(run, norm, k, sums, blocks.blocks());
  }

  template <class Backend>
  static void use_running_statistics(const Execution<Backend>& run, const Layer& norm, const ChannelStatistics& k) {
    const float *mean = run.parameter(norm, norm_mean), *variance = run.parameter(norm, norm_variance);
    const float* gamma = run.parameter(norm, norm_weight);
    for (int c = 0; c < norm.out.c; ++c) {
      const double inverse = 1 / std::sqrt(double(variance[c]) + options_of<BatchNormOptions>(norm).epsilon);
      k.set(c, double(mean[c]), inverse);
      k.scale[c] = float(double(gamma[c]) * inverse);
    }
  }

  /// Sums of dy and dy (x - mean) per block, then dgamma, dbeta and the coefficients of dx.
  template <class Backend>
  static void reduce(const Execution<Backend>& run, const Layer& norm, const ChannelStatistics& k, const float* x,
                     const float* dy, bool parameter_gradients) {
    const RowBlocks blocks(norm.out, run.n);
    run.backend->pool().run(blocks.tasks(), [&](int task, int) {
      const int first = blocks.first_channel(task);
      float* to = run.workspace + std::int64_t{2} * blocks.block(task) * blocks.channels + first;  // (2,C)
      for_channels<Isa>(blocks.channel_count(task), [&]<class V>(V, int c) {
        std::int64_t at = blocks.first_row(task) * blocks.channels + first + c;
        const V mean = load<V>(k.mean + first + c);
        V sum{}, products{};
        for (int row = 0; row < blocks.row_count(task); ++row, at += blocks.channels) {
          const V g = load<V>(dy + at);
          sum += g;
          products = fma<Isa>(g, load<V>(x + at) - mean, products);
        }
        store<V>(to + c, sum);
        store<V>(to + blocks.channels + c, products);
      });
    });
    finalize_gradient(run, norm, k, run.workspace, blocks.blocks(), std::int64_t{2} * blocks.channels,
                      parameter_gradients);
  }
};

}  // namespace tinycnn::cpu
