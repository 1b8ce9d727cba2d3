// Depthwise convolution, gradients of the weights and the bias: vectorized over channels.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/depthwise/weight_gradient_tiling.hpp>
#include <tinycnn/backends/cpu/conv/direct/weight_gradient.hpp>

namespace tinycnn::cpu {

/// sums[i][j] += sum over k < count of x[offset[i] + k x_step + j] * dy[k dy_step + j], i < Taps, j < width;
/// sums[Taps][j]
/// += sum over k of dy[k dy_step + j]. Both prefetchers take one step per register and 8 pixels.
template <class Isa, int Taps>
[[gnu::noinline]] void multiply_pixels(const float* x, const std::int64_t (&offset)[Taps], std::int64_t x_step,
                                       const float* dy, std::int64_t dy_step, int count, int width,
                                       float* const (&sums)[Taps + 1], Prefetcher& x_prefetcher,
                                       Prefetcher& dy_prefetcher) {
  for (int j = 0; j < width; j += Isa::width) {
    Vector<Isa> sum[Taps + 1] = {};
    const float *from = x + j, *factor = dy + j;
    for (int left = count; left > 0; left -= 8) {
      x_prefetcher.step();
      dy_prefetcher.step();
      for (const float* end = factor + (left < 8 ? left : 8) * dy_step; factor != end;
           factor += dy_step, from += x_step) {
        const Vector<Isa> value = load<Isa>(factor);
#pragma GCC unroll 9
        for (int i = 0; i < Taps; ++i) sum[i] = fma<Isa>(load<Isa>(from + offset[i]), value, sum[i]);
        sum[Taps] += value;
      }
    }
#pragma GCC unroll 10
    for (int i = 0; i <= Taps; ++i) store<Isa>(sums[i] + j, load<Isa>(sums[i] + j) + sum[i]);
  }
}

/// sums (panel, 9 taps, bias and one unused, NR) += the products of two rows of `Pixels` pixels of dy with the four
/// rows of x that a 3x3 kernel of stride 1 reads for them; x starts at the left tap of pixel 0. With `left` (`right`),
/// the leftmost (rightmost) column of x counts as zeros. Each pixel is loaded once for all of its products.
template <class Isa, int Pixels>
[[gnu::noinline]] void multiply_row_pair(const float* const (&x)[4], std::int64_t x_step, const float* const (&dy)[2],
                                         std::int64_t dy_step, bool left, bool right, int width, float* sums,
                                         Prefetcher& x_prefetcher, Prefetcher& dy_prefetcher) {
  constexpr int taps = 3;
  for (int j = 0; j < width; j += Isa::width) {
    x_prefetcher.step();
    dy_prefetcher.step();
    float* to = sums + std::int64_t(j / NR<Isa>) * (taps * taps + 2) * NR<Isa> + j % NR<Isa>;
    Vector<Isa> sum[taps * taps + 1], factor[2][Pixels];
#pragma GCC unroll 10
    for (int i = 0; i <= taps * taps; ++i) sum[i] = load<Isa>(to + i * NR<Isa>);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * Pixels; ++i) {
      factor[i / Pixels][i % Pixels] = load<Isa>(dy[i / Pixels] + j + i % Pixels * dy_step);
      sum[taps * taps] += factor[i / Pixels][i % Pixels];
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const float* pixel = x[r] + j;
#pragma GCC unroll 6
      for (int i = 0; i < Pixels + 2; ++i, pixel += x_step) {
        if ((i == 0 && left) || (i == Pixels + 1 && right)) continue;
        const Vector<Isa> value = load<Isa>(pixel);
#pragma GCC unroll 2
        for (int o = 0; o < 2; ++o)
#pragma GCC unroll 3
          for (int u = 0; u < taps; ++u)
            if (r >= o && r - o < taps && i >= u && i - u < Pixels)
              sum[(r - o) * taps + u] = fma<Isa>(value, factor[o][i - u], sum[(r - o) * taps + u]);
      }
    }
#pragma GCC unroll 10
    for (int i = 0; i <= taps * taps; ++i) store<Isa>(to + i * NR<Isa>, sum[i]);
  }
}

/// sums (rows, NR) += the products of row p of dy (Q, dy_step) with the rows of x that it reads, for `width` channels
/// from the task's channel `channel` on.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_weight_gradient_row(const ConvolutionShape& s, DepthwiseInputRows<Isa, Source>& x,
                                                     int p, int channel, int width, const float* dy,
                                                     std::int64_t dy_step, float* sums, Prefetcher& prefetcher) {
  constexpr int tile_taps = DepthwiseWeightGradientTiling::tile_taps;
  const WindowAxis& k = s.window.columns;  // as its rows
  const std::int64_t pitch = x.pitch();
  float *bias = sums + s.taps() * NR<Isa>, *unused = bias + NR<Isa>;
  const auto multiply = [&](int q, int count, const IndexRange& columns) {
    const float* origin = nullptr;
    std::int64_t offset[tile_taps];
    float* to[tile_taps + 1];
    int taps = 0;
    to[tile_taps] = bias;
    const auto flush = [&] {
      for (int i = taps; i < tile_taps; ++i) offset[i] = 0, to[i] = unused;
      const float* factor = dy + q * dy_step;
      multiply_pixels<Isa, tile_taps>(origin != nullptr ? origin : factor, offset,
                                      origin != nullptr ? k.stride * pitch : dy_step, factor, dy_step, count, width, to,
                                      x.prefetcher(), prefetcher);
      taps = 0;
      to[tile_taps] = unused;
    };
    for (int t = 0; t < k.kernel; ++t) {
      const float* row = x.at(p * k.stride - k.padding + t * k.dilation);
      if (row == nullptr) continue;
      row += (q * k.stride - k.padding) * pitch + channel;
      for (int u = columns.begin; u < columns.end; ++u) {
        if (taps == tile_taps) flush();
        if (origin == nullptr) origin = row + u * k.dilation * pitch;
        offset[taps] = row + u * k.dilation * pitch - origin;
        to[taps++] = sums + (t * k.kernel + u) * NR<Isa>;
      }
    }
    if (taps > 0 || origin == nullptr) flush();
  };
  const IndexRange interior = x.interior(s.y.w, -k.padding, k.dilation, k.kernel);
  for (int q = 0; q < s.y.w;) {
    const bool in_interior = q == interior.begin && interior.begin < interior.end;
    const int count = in_interior ? interior.end - q : 1;
    multiply(q, count,
             in_interior ? IndexRange{0, k.kernel} : x.inside(q * k.stride - k.padding, k.dilation, k.kernel));
    q += count;
  }
}

/// sums (panel, taps, bias and unused, NR) += the same for one or two rows from p on, for a 3x3 kernel of stride 1 and
/// all `width` channels of the task.
template <class Isa, class Source>
void depthwise_weight_gradient_row_pair(const ConvolutionShape& s, DepthwiseInputRows<Isa, Source>& x, int p, int rows,
                                        int width, const float* dy, std::int64_t dy_step, const float* zeros,
                                        float* sums, Prefetcher& prefetcher) {
  constexpr int tile_columns = DepthwiseWeightGradientTiling::tile_columns_3x3<Isa>;
  const int padding = s.window.columns.padding;
  const bool border = x.in_place() && padding > 0;
  const float *from[4], *factors[2] = {dy, rows == 2 ? dy + s.y.w * dy_step : zeros};
  for (int r = 0; r < 4; ++r) {
    const float* row = r < rows + 2 ? x.at(p - padding + r) : nullptr;
    from[r] = row == nullptr ? zeros : row - padding * x.pitch();
  }
  for (int q = 0, count = 0; q < s.y.w; q += count) {
    count = s.y.w - q < tile_columns ? 1 : tile_columns;
    const auto multiply = count == 1 ? multiply_row_pair<Isa, 1> : multiply_row_pair<Isa, tile_columns>;
    multiply(from, x.pitch(), factors, dy_step, border && q == 0, border && q + count == s.y.w, width, sums,
             x.prefetcher(), prefetcher);
    for (const float*& row : from) row += row == zeros ? 0 : count * x.pitch();
    for (const float*& row : factors) row += row == zeros ? 0 : count * dy_step;
  }
}

/// equals: direct_weight_gradient. `workspace` holds depthwise_weight_gradient_workspace_floats(s).
template <class Isa, class SourceX, class SourceY>
void depthwise_weight_gradient(const ConvolutionShape& s, int n, const SourceX& x, const SourceY& dy, float* dw,
                               float* db, ThreadPool& pool, float* scratch, float* workspace) {
  const auto tiling = DepthwiseWeightGradientTiling::of(s);
  const std::int64_t worker_floats = depthwise_weight_gradient_scratch_floats<Isa>(s),
                     partial_floats = s.weights() + s.y.c;
  const int blocks = tiling.x.blocks(n), panels = tiling.x.panels<Isa>(),
            splits = tiling.x.splits<Isa>(tiling.partials, pool.size());
  pool.run(tiling.partials * splits, [&](int task, int worker) {
    float* slots = scratch + worker * worker_floats;       // (slots, columns, pitch)
    float* dy_rows = slots + tiling.x.ring_floats<Isa>();  // (chunk rows, Q, pitch)
    float* sums = dy_rows + tiling.dy_floats<Isa>();       // (panel, taps, bias and unused, NR)
    float* zeros = sums + tiling.sums_floats<Isa>();       // (columns, pitch)
    std::memset(sums, 0,
                sizeof(float) * static_cast<std::size_t>(tiling.sums_floats<Isa>() + tiling.zero_floats<Isa>()));
    const int partial = task / splits;
    const int first_panel = panels * (task % splits) / splits, last_panel = panels * (task % splits + 1) / splits;
    const int first_channel = first_panel * NR<Isa>, channels = tiling.x.width<Isa>(first_panel, last_panel);
    const int end = static_cast<int>(std::int64_t(blocks) * (partial + 1) / tiling.partials);
    for (int block = static_cast<int>(std::int64_t(blocks) * partial / tiling.partials); block < end; ++block) {
      const int sample = block / tiling.x.blocks_per_sample,
                first_row = block % tiling.x.blocks_per_sample * tiling.x.rows;
      const int last_row = first_row + tiling.x.rows < s.y.h ? first_row + tiling.x.rows : s.y.h;
      DepthwiseInputRows<Isa, SourceX> rows_of_x(tiling.x, x, slots, sample, first_row, first_panel, last_panel,
                                                 tiling.border_cost());
      const float* in_place = s.y.c % Isa::width == 0 ? dy.pixels(sample) : nullptr;  // (P,Q,C)
      const std::int64_t pitch = in_place != nullptr ? s.y.c : tiling.x.pitch<Isa>();
      for (int row = first_row; row < last_row; row += tiling.x.chunk_rows) {
        const int rows = last_row - row < tiling.x.chunk_rows ? last_row - row : tiling.x.chunk_rows;
        const std::int64_t steps = tiling.steps<Isa>(last_panel - first_panel, rows);
        rows_of_x.advance(row, rows, steps);
        const float* from = dy_rows;
        if (in_place != nullptr)
          from = in_place + std::int64_t(row) * s.y.w * s.y.c + first_channel;
        else
          load_tile<Isa>(dy_rows, tiling.x.pitch<Isa>(), Rectangle{row, 0, rows, s.y.w}, s.y, dy, sample, first_channel,
                         channels);
        const std::int64_t below = std::int64_t(sample) * s.y.h + row + rows;
        Prefetcher prefetcher = dy.prefetch(below, below + rows, steps, first_channel, channels);
        for (int i = 0; i < rows && tiling.row_pairs; i += 2)
          depthwise_weight_gradient_row_pair<Isa>(s, rows_of_x, row + i, rows - i < 2 ? 1 : 2, channels,
                                                  from + i * s.y.w * pitch, pitch, zeros, sums, prefetcher);
        for (int panel = first_panel; panel < last_panel && !tiling.row_pairs; ++panel)
          for (int i = 0; i < rows; ++i)
            depthwise_weight_gradient_row<Isa>(
                s, rows_of_x, row + i, (panel - first_panel) * NR<Isa>, tiling.x.width<Isa>(panel, panel + 1),
                from + i * s.y.w * pitch + (panel - first_panel) * NR<Isa>, pitch,
                sums + std::int64_t(panel - first_panel) * tiling.rows() * NR<Isa>, prefetcher);
      }
    }
    float* to = workspace + partial * partial_floats;  // (R,S,1,C), then (C)
    const float* from = sums;
    for (int panel = first_panel; panel < last_panel; ++panel) {
      const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(tiling.x.width<Isa>(panel, panel + 1));
      for (int tap = 0; tap <= s.taps(); ++tap, from += NR<Isa>)
        std::memcpy(to + std::int64_t(tap) * s.y.c + panel * NR<Isa>, from, bytes);
      from += NR<Isa>;
    }
  });
  add_partials(s, tiling.partials, workspace, dw, db, pool);
}

}  // namespace tinycnn::cpu
