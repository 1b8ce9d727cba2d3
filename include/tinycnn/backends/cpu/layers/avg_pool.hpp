// AvgPool and GlobalAvgPool.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/layers/pool_windows.hpp>
#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/avg_pool.hpp>
#include <tinycnn/layers/global_avg_pool.hpp>

namespace tinycnn::cpu {

/// 1 / the pixels that each window of an AvgPool counts. Where all windows count the same, sums are multiplied once.
struct PoolShares {
  Window k;
  Dims in;
  bool padding;
  bool same;
  float all;  // if they are the same

  static PoolShares of(const Layer& l) {
    PoolShares s{window_of(l), l.in, options_of<AvgPoolOptions>(l).count_include_pad, true, 1.0f};
    for (int p = 0; p < l.out.h; ++p) s.same = s.same && s.rows(p) == s.k.rows.kernel;
    for (int q = 0; q < l.out.w; ++q) s.same = s.same && s.columns(q) == s.k.columns.kernel;
    s.all = 1.0f / float(s.k.taps());
    return s;
  }
  [[nodiscard]] int rows(int p) const { return counted_pixels(k.rows, p, in.h, padding); }
  [[nodiscard]] int columns(int q) const { return counted_pixels(k.columns, q, in.w, padding); }
  [[nodiscard]] float operator()(int p, int q) const { return same ? all : 1.0f / float(rows(p) * columns(q)); }
};

/// y = sum of the window / the pixels that it counts. A task computes one row of y in forward, one row of dx in
/// backward, where each pixel sums over the windows that cover it. equals: reference::AvgPoolOp.
template <class Isa>
struct AvgPool {
  static constexpr std::string_view name = "AvgPool";
  static constexpr const Kind* pattern[] = {&avg_pool};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const PoolShares shares = PoolShares::of(l);
    const Window& k = shares.k;
    const Dims in = l.in, out = l.out;
    run.backend->pool().run(run.n * out.h, [&](int task, int) {
      const int n = task / out.h, p = task % out.h;
      const IndexRange rows = taps_inside(k.rows, p, in.h);
      const float* x = run.data(step.x) + n * in.size();  // (H,W,C)
      float* y = run.data(step.y) + std::int64_t(task) * out.w * out.c;
      for (int q = 0; q < out.w; ++q, y += out.c) {
        const IndexRange columns = taps_inside(k.columns, q, in.w);
        const std::int64_t corner = corner_of(k, in, p, q);
        const float share = shares(p, q);
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
    const PoolShares shares = PoolShares::of(l);
    const Window& k = shares.k;
    const Dims in = l.in, out = l.out;
    const float *dy = run.data(step.dy), *add = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    run.backend->pool().run(run.n * in.h, [&](int task, int) {
      const int n = task / in.h;
      const IndexRange rows = windows_covering(k.rows, task % in.h, out.h);
      std::int64_t to = std::int64_t(task) * in.w * in.c;
      for (int w = 0; w < in.w; ++w, to += in.c) {
        const IndexRange columns = windows_covering(k.columns, w, out.w);
        const auto gradient = [&](int p, int q) {  // (C)
          return dy + ((std::int64_t(n) * out.h + p) * out.w + q) * out.c;
        };
        if (shares.same)
          for_channels<Isa>(in.c, [&]<class V>(V, int c) {
            V sum{};
            for (int p = rows.begin; p < rows.end; ++p)
              for (int q = columns.begin; q < columns.end; ++q) sum += load<V>(gradient(p, q) + c);
            store<V>(dx + to + c, add == nullptr ? sum * shares.all : sum * shares.all + load<V>(add + to + c));
          });
        else
          for_channels<Isa>(in.c, [&]<class V>(V, int c) {
            V sum{};
            for (int p = rows.begin; p < rows.end; ++p)
              for (int q = columns.begin; q < columns.end; ++q) sum += load<V>(gradient(p, q) + c) * shares(p, q);
            store<V>(dx + to + c, add == nullptr ? sum : sum + load<V>(add + to + c));
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
