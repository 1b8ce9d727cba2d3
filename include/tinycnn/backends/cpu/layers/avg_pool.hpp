// AvgPool and GlobalAvgPool.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/layers/pool_windows.hpp>
#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/avg_pool.hpp>
#include <tinycnn/layers/global_avg_pool.hpp>

namespace tinycnn::cpu {

/// y = sum of the window / kernel^2, padding counted as zeros. A task computes one row of y in forward, one row of dx
/// in backward, where each pixel sums over the windows that cover it. equals: reference::AvgPoolOp.
template <class Isa>
struct AvgPool {
  static constexpr std::string_view name = "AvgPool";
  static constexpr const Kind* pattern[] = {&avg_pool};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const Window k = l.options.window;
    const Dims in = l.in, out = l.out;
    const float share = 1.0f / float(k.kernel * k.kernel);
    run.backend->pool().run(run.n * out.h, [&](int task, int) {
      const int n = task / out.h, p = task % out.h;
      const IndexRange rows = taps_inside(k, p, in.h);
      const float* x = run.data(step.x) + n * in.size();  // (H,W,C)
      float* y = run.data(step.y) + std::int64_t(task) * out.w * out.c;
      for (int q = 0; q < out.w; ++q, y += out.c) {
        const IndexRange columns = taps_inside(k, q, in.w);
        const std::int64_t corner =
            (std::int64_t(p * k.stride - k.padding) * in.w + q * k.stride - k.padding) * in.c;  // may be outside
        for_channels<Isa>(in.c, [&]<class V>(V, int c) {
          V sum{};
          for (int r = rows.begin; r < rows.end; ++r)
            for (int s = columns.begin; s < columns.end; ++s)
              sum += load<V>(x + corner + (std::int64_t(r) * in.w + s) * in.c + c);
          store<V>(y + c, sum * share);
        });
      }
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const Window k = l.options.window;
    const Dims in = l.in, out = l.out;
    const float share = 1.0f / float(k.kernel * k.kernel);
    const float *dy = run.data(step.dy), *add = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    run.backend->pool().run(run.n * in.h, [&](int task, int) {
      const int n = task / in.h;
      const IndexRange rows = windows_covering(k, task % in.h, out.h);
      std::int64_t to = std::int64_t(task) * in.w * in.c;
      for (int w = 0; w < in.w; ++w, to += in.c) {
        const IndexRange columns = windows_covering(k, w, out.w);
        for_channels<Isa>(in.c, [&]<class V>(V, int c) {
          V sum{};
          for (int p = rows.begin; p < rows.end; ++p)
            for (int q = columns.begin; q < columns.end; ++q)
              sum += load<V>(dy + ((std::int64_t(n) * out.h + p) * out.w + q) * out.c + c);
          store<V>(dx + to + c, add == nullptr ? sum * share : sum * share + load<V>(add + to + c));
        });
      }
    });
  }
};

/// y[n, c] = mean over the pixels of x[n, c], summed in chunks of 64 pixels. equals: reference::GlobalAvgPoolOp.
template <class Isa>
struct GlobalAvgPool {
  static constexpr std::string_view name = "GlobalAvgPool";
  static constexpr const Kind* pattern[] = {&global_avg_pool};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Dims in = run.layer(step, 0).in;
    const std::int64_t pixels = in.pixels();
    run.backend->pool().run(run.n, [&](int n, int) {
      const float* x = run.data(step.x) + n * in.size();     // (H W,C)
      float* y = run.data(step.y) + std::int64_t(n) * in.c;  // (C)
      for_channels<Isa>(in.c, [&]<class V>(V, int c) {
        V total{};
        for (std::int64_t first = 0; first < pixels; first += 64) {
          const std::int64_t end = first + 64 < pixels ? first + 64 : pixels;
          V sum{};
          for (std::int64_t p = first; p < end; ++p) sum += load<V>(x + p * in.c + c);
          total += sum;
        }
        store<V>(y + c, total / float(pixels));
      });
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims in = run.layer(step, 0).in;
    const float share = 1.0f / float(in.pixels());
    const float* add = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    const PixelBlocks blocks(in.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      const float* dy = run.data(step.dy) + std::int64_t(blocks.sample(block)) * in.c;  // (C)
      std::int64_t at = (blocks.sample(block) * in.pixels() + blocks.first(block)) * in.c;
      for (int p = 0; p < blocks.length(block); ++p, at += in.c)
        for_channels<Isa>(in.c, [&]<class V>(V, int c) {
          const V g = load<V>(dy + c) * share;
          store<V>(dx + at + c, add == nullptr ? g : g + load<V>(add + at + c));
        });
    });
  }
};

}  // namespace tinycnn::cpu
