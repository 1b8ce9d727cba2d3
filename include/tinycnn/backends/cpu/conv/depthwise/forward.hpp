// Depthwise convolution (one input and one output channel per group), forward and input gradient: vectorized over
// channels.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/depthwise/input_rows.hpp>
#include <tinycnn/backends/cpu/conv/depthwise/pack_weights.hpp>

namespace tinycnn::cpu {

/// Scratch floats per worker, for either pass.
template <class Isa>
constexpr std::int64_t depthwise_scratch_floats(const ConvolutionGeometry& g, int row_multiple = 1) {
  const DepthwiseTiling tiling = DepthwiseTiling::of(g, row_multiple);
  return tiling.ring_floats<Isa>() + tiling.chunk_floats<Isa>();
}

/// The taps that the pixels of one row of a phase read: `length` columns in each of `rows` rows of x.
struct TapGrid {
  static constexpr int capacity = 64;
  int rows = 0, length = 0;
  std::int64_t column_step = 0, weight_step = 0;  // floats from tap to tap
  const float* x[capacity];                       // what pixel 0 reads for the row's first tap
  const float* weights[capacity];
};

/// Whether these kernels can compute a convolution: one input and one output channel per group, a square window.
constexpr bool is_depthwise(const ConvolutionShape& s) {
  return s.groups == s.x.c && s.y.c == s.x.c && s.groups > 1 && s.window.is_square() &&
         s.window.rows.kernel <= TapGrid::capacity;
}

/// out[i][j] = sum over rows r and columns k in [first, end) of grid.x[r][at + i step + k column_step + j] *
/// grid.weights[r][from + k weight_step + j], i < Pixels, j < the width of a register.
template <class Isa, int Pixels>
[[gnu::noinline]] void multiply_taps(const TapGrid& grid, std::int64_t at, std::int64_t step, int first, int end,
                                     int from, float* __restrict out) {
  Vector<Isa> sum[Pixels] = {};
  for (int r = 0; r < grid.rows; ++r) {
    const float* x = grid.x[r] + at + first * grid.column_step;
    const float* tap = grid.weights[r] + from + first * grid.weight_step;
    int k = first;
    if (grid.column_step == step)
      for (; k + 3 <= end;
           k += 3, x += 3 * step, tap += 3 * grid.weight_step) {  // each loaded pixel is used in up to three sums
        const Vector<Isa> w0 = load<Isa>(tap), w1 = load<Isa>(tap + grid.weight_step),
                          w2 = load<Isa>(tap + 2 * grid.weight_step);
        const float* pixel = x;
#pragma GCC unroll 10
        for (int i = 0; i < Pixels + 2; ++i, pixel += step) {
          const Vector<Isa> value = load<Isa>(pixel);
          if (i < Pixels) sum[i] = fma<Isa>(value, w0, sum[i]);
          if (i >= 1 && i <= Pixels) sum[i - 1] = fma<Isa>(value, w1, sum[i - 1]);
          if (i >= 2) sum[i - 2] = fma<Isa>(value, w2, sum[i - 2]);
        }
      }
    for (; k < end; ++k, x += grid.column_step, tap += grid.weight_step) {
      const Vector<Isa> weight = load<Isa>(tap);
#pragma GCC unroll 8
      for (int i = 0; i < Pixels; ++i) sum[i] = fma<Isa>(load<Isa>(x + i * step), weight, sum[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Pixels; ++i) store<Isa>(out + i * NR<Isa>, sum[i]);
}

/// A register tile of two rows of a 3x3 convolution: out (2, out_row) from rows x (4, columns), starting at x[r] + at,
/// and weights (3, weight_row); pixels are `step` apart. A pixel of x is loaded once for up to six sums. Rows of x that
/// are null count as zeros, and with `left` (`right`) so does the leftmost (rightmost) column.
template <class Isa, int Pixels>
[[gnu::noinline]] void multiply_3x3(const float* const (&x)[4], std::int64_t at, std::int64_t step,
                                    const float* weights, std::int64_t weight_row, std::int64_t weight_step, bool left,
                                    bool right, float* __restrict out, std::int64_t out_row) {
  constexpr int rows = 2, taps = 3;
  Vector<Isa> sum[rows][Pixels] = {}, weight[taps][taps];
#pragma GCC unroll 3
  for (int t = 0; t < taps; ++t)
#pragma GCC unroll 3
    for (int u = 0; u < taps; ++u) weight[t][u] = load<Isa>(weights + t * weight_row + u * weight_step);
#pragma GCC unroll 4
  for (int r = 0; r < rows + taps - 1; ++r) {
    if (x[r] == nullptr) continue;
    const float* pixel = x[r] + at;
#pragma GCC unroll 10
    for (int i = 0; i < Pixels + taps - 1; ++i, pixel += step) {
      if ((i == 0 && left) || (i == Pixels + 1 && right)) continue;
      const Vector<Isa> value = load<Isa>(pixel);
#pragma GCC unroll 2
      for (int o = 0; o < rows; ++o)
#pragma GCC unroll 3
        for (int u = 0; u < taps; ++u)
          if (r >= o && r - o < taps && i >= u && i - u < Pixels)
            sum[o][i - u] = fma<Isa>(value, weight[r - o][u], sum[o][i - u]);
    }
  }
#pragma GCC unroll 2
  for (int o = 0; o < rows; ++o)
#pragma GCC unroll 8
    for (int i = 0; i < Pixels; ++i) store<Isa>(out + o * out_row + i * NR<Isa>, sum[o][i]);
}

/// The taps that a phase meets along one axis: the i-th is tap first + i step, at offset + i offset_step.
struct PhaseTaps {
  int first = 0, step = 1, offset = 0, offset_step = 1, count = 0;

  static constexpr PhaseTaps of(const GeometryAxis& g, int phase) {
    PhaseTaps taps;
    for (int t = 0; t < g.kernel; ++t) {
      if (!g.meets(phase, t)) continue;
      if (taps.count == 0) taps.first = t, taps.offset = g.offset(phase, t);
      if (taps.count == 1) taps.step = t - taps.first, taps.offset_step = g.offset(phase, t) - taps.offset;
      ++taps.count;
    }
    return taps;
  }
};

/// out (columns, NR) = row `row` of the phase that meets taps `vertical` and `horizontal`, for `width` channels from
/// the task's channel `channel` on. The `interior` pixels are computed one register tile at a time; the last tile
/// overlaps the one before, or if there is only one and it is not full, writes beyond the row's end.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_row(const ConvolutionGeometry& g, DepthwiseInputRows<Isa, Source>& x, int row,
                                     const PhaseTaps& vertical, const PhaseTaps& horizontal, int columns,
                                     const IndexRange& interior, int channel, int width, const float* weights,
                                     float* out) {
  constexpr int tile_pixels = DepthwiseTiling::tile_pixels;
  const std::int64_t pitch = x.pitch(), step = g.columns.step * pitch;
  TapGrid grid;
  grid.length = horizontal.count;
  grid.column_step = horizontal.offset_step * pitch;
  grid.weight_step = horizontal.step * NR<Isa>;
  for (int i = 0; i < vertical.count; ++i) {
    const float* from = x.at(row * g.rows.step + vertical.offset + i * vertical.offset_step);
    if (from == nullptr) continue;
    grid.x[grid.rows] = from + horizontal.offset * pitch + channel;
    grid.weights[grid.rows++] =
        weights + ((vertical.first + i * vertical.step) * g.columns.kernel + horizontal.first) * NR<Isa>;
  }
  for (int q = 0; q < columns;) {
    const bool at_border = q < interior.begin || q >= interior.end;
    const int at = at_border || q + tile_pixels <= interior.end || interior.end - interior.begin < tile_pixels
                       ? q
                       : interior.end - tile_pixels;
    const IndexRange taps =
        at_border ? x.inside(q * g.columns.step + horizontal.offset, horizontal.offset_step, horizontal.count)
                  : IndexRange{0, grid.length};
    for (int j = 0; j < width; j += Isa::width) {
      float* to = out + std::int64_t(at) * NR<Isa> + j;
      x.prefetcher().step();
      if (at_border)
        multiply_taps<Isa, 1>(grid, at * step + j, step, taps.begin, taps.end, j, to);
      else
        multiply_taps<Isa, tile_pixels>(grid, at * step + j, step, taps.begin, taps.end, j, to);
    }
    q = at + (at_border ? 1 : tile_pixels);
  }
}

/// out (2, output columns, NR) = rows `row` and `row + 1`, of `columns` pixels each, by multiply_3x3.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_row_pair(const ConvolutionGeometry& g, DepthwiseInputRows<Isa, Source>& x, int row,
                                          const PhaseTaps& vertical, const PhaseTaps& horizontal, int columns,
                                          const IndexRange& output_columns, int channel, int width,
                                          const float* weights, float* out) {
  constexpr int tile_pixels = DepthwiseTiling::tile_pixels_3x3<Isa>;
  const std::int64_t pitch = x.pitch(), step = g.columns.step * pitch;
  const float* from[4];
  for (int r = 0; r < 4; ++r) {
    from[r] = x.at((row + r) * g.rows.step + vertical.offset);
    if (from[r] != nullptr) from[r] += horizontal.offset * pitch + channel;
  }
  weights += (vertical.first * g.columns.kernel + horizontal.first) * NR<Isa>;
  for (int q = output_columns.begin; q < output_columns.end; q += tile_pixels) {
    if (q + tile_pixels > output_columns.end && output_columns.end - output_columns.begin >= tile_pixels)
      q = output_columns.end - tile_pixels;
    const bool left = q == 0 && x.outside(horizontal.offset);
    const bool right = q + tile_pixels == columns &&
                       x.outside((columns - 1) * g.columns.step + horizontal.offset + 2 * g.columns.step);
    for (int j = 0; j < width; j += Isa::width) {
      x.prefetcher().step();
      multiply_3x3<Isa, tile_pixels>(
          from, q * step + j, step, weights + j, std::int64_t(vertical.step) * g.columns.kernel * NR<Isa>,
          horizontal.step * NR<Isa>, left, right, out + std::int64_t(q - output_columns.begin) * NR<Isa> + j,
          std::int64_t(output_columns.end - output_columns.begin) * NR<Isa>);
    }
  }
}

/// The forward pass; with input_gradient_geometry and weights packed in reverse, the input gradient.
/// equals: direct_forward, direct_input_gradient. Error: rms <= 5e-6 of the rms of the result.
template <class Isa, class Source, class Epilogue>
void run_depthwise_tiled(const ConvolutionGeometry& g, int n, const Source& source, const float* packed,
                         const Epilogue& epilogue, ThreadPool& pool, float* scratch) {
  const DepthwiseTiling tiling = DepthwiseTiling::of(g, epilogue.row_multiple());
  const std::int64_t worker_floats = depthwise_scratch_floats<Isa>(g, epilogue.row_multiple());
  const int panels = tiling.panels<Isa>(), all_rows = g.phase_rows(0);
  constexpr int border_cost = 1;
  // As in run_tiled, no result depends on the number of splits.
  const int splits = tiling.splits<Isa>(tiling.blocks(n), pool.size());
  pool.run(tiling.blocks(n) * splits, [&](int task, int worker) {
    float* slots = scratch + worker * worker_floats;  // (slots, columns, pitch)
    float* out = slots + tiling.ring_floats<Isa>();   // (chunk rows, columns, NR)
    OutputTile result;
    result.values = out;
    result.block = task / splits;
    result.sample = result.block / tiling.blocks_per_sample;
    result.samples = 1;
    result.row_step = g.rows.phases;
    result.column_step = g.columns.phases;
    const int first_panel = panels * (task % splits) / splits, last_panel = panels * (task % splits + 1) / splits;
    const int first_row = result.block % tiling.blocks_per_sample * tiling.rows,
              last_row = smaller(first_row + tiling.rows, all_rows);
    DepthwiseInputRows<Isa, Source> x(tiling, source, slots, result.sample, first_row, first_panel, last_panel,
                                      border_cost);
    for (int row = first_row; row < last_row; row += tiling.chunk_rows) {
      const int rows = smaller(tiling.chunk_rows, last_row - row);
      x.advance(row, rows, tiling.steps<Isa>(last_panel - first_panel, rows));
      for (int phase = 0; phase < g.phases(); ++phase) {
        const int phase_h = phase / g.columns.phases, phase_w = phase % g.columns.phases,
                  columns = g.phase_columns(phase_w);
        result.row = phase_h + row * g.rows.phases;
        result.rows = smaller(rows, g.phase_rows(phase_h) - row);
        if (result.rows <= 0 || columns <= 0) continue;
        const PhaseTaps vertical = PhaseTaps::of(g.rows, phase_h), horizontal = PhaseTaps::of(g.columns, phase_w);
        const IndexRange interior = x.interior(columns, horizontal.offset, horizontal.offset_step, horizontal.count);
        const int row_pairs = tiling.row_pairs ? result.rows / 2 : 0;
        const bool chunked_columns = 2 * row_pairs == result.rows;
        for (IndexRange output_columns; output_columns.end < columns;) {
          output_columns =
              chunked_columns ? tiling.output_columns(output_columns.end, columns) : IndexRange{0, columns};
          result.column = phase_w + output_columns.begin * g.columns.phases;
          result.columns = output_columns.end - output_columns.begin;
          result.first = row == first_row && phase == 0 && output_columns.begin == 0;
          for (int panel = first_panel; panel < last_panel; ++panel) {
            const int channel = (panel - first_panel) * NR<Isa>;
            const float* weights = packed + std::int64_t(panel) * g.taps() * NR<Isa>;
            result.channel = panel * NR<Isa>;
            result.width = tiling.width<Isa>(panel, panel + 1);
            for (int i = 0; i < 2 * row_pairs; i += 2)
              depthwise_row_pair<Isa>(g, x, row + i, vertical, horizontal, columns, output_columns, channel,
                                      result.width, weights, out + std::int64_t(i) * result.columns * NR<Isa>);
            for (int i = 2 * row_pairs; i < result.rows; ++i)
              depthwise_row<Isa>(g, x, row + i, vertical, horizontal, columns, interior, channel, result.width, weights,
                                 out + std::int64_t(i) * columns * NR<Isa>);
            epilogue.apply(result);
          }
        }
      }
    }
    __builtin_ia32_sfence();  // as in run_tiled
  });
}

}  // namespace tinycnn::cpu
