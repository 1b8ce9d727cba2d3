// Depthwise convolution, one channel in and one out a group: forward and input gradient, channels side by side in
// registers.
#pragma once

#include <tinycnn/backends/cpu/conv/depthwise/input_rows.hpp>

namespace tinycnn::cpu {

template <class Isa>
constexpr long depthwise_packed_floats(const ConvolutionShape& s) {
  return long(round_up(s.x.c, NR<Isa>)) * s.taps();
}

/// Per worker, of either pass.
template <class Isa>
constexpr long depthwise_scratch_floats(const ConvolutionGeometry& s, int row_multiple = 1) {
  const DepthwiseTiling b = DepthwiseTiling::of(s, row_multiple);
  return b.ring_floats<Isa>() + b.chunk_floats<Isa>();
}

/// packed[panel][tap][NR] = w (R,S,1,C), with taps in reverse order for the input gradient.
template <class Isa>
void depthwise_pack(const ConvolutionShape& s, const float* w, bool reversed, float* packed) {
  for (int first = 0; first < s.x.c; first += NR<Isa>)
    for (int tap = 0; tap < s.taps(); ++tap, packed += NR<Isa>) {
      const float* from = w + long(reversed ? s.taps() - 1 - tap : tap) * s.x.c + first;
      for (int j = 0; j < NR<Isa>; ++j) packed[j] = first + j < s.x.c ? from[j] : 0.0f;
    }
}

/// The taps that pixels of one row of a phase read: `rows` rows of x, and `length` columns of each.
struct TapGrid {
  static constexpr int capacity = 64;
  int rows = 0, length = 0;
  long column_step = 0, weight_step = 0;  // floats from tap to tap
  const float* x[capacity];               // of the first tap of the row's first pixel
  const float* weights[capacity];
};

/// One channel in and one out a group, and a kernel that a TapGrid takes.
constexpr bool is_depthwise(const ConvolutionShape& s) {
  return s.groups == s.x.c && s.y.c == s.x.c && s.groups > 1 && s.window.kernel <= TapGrid::capacity;
}

/// out[i][j] = sum over rows r and columns k in [first, end) of grid.x[r][at + i step + k column_step + j] *
/// grid.weights[r][from + k weight_step + j], i < Pixels, j < a register.
template <class Isa, int Pixels>
[[gnu::noinline]] void multiply_taps(const TapGrid& grid, long at, long step, int first, int end, int from,
                                     float* __restrict out) {
  Vector<Isa> sum[Pixels] = {};
  for (int r = 0; r < grid.rows; ++r) {
    const float* x = grid.x[r] + at + first * grid.column_step;
    const float* tap = grid.weights[r] + from + first * grid.weight_step;
    int k = first;
    if (grid.column_step == step)
      for (; k + 3 <= end; k += 3, x += 3 * step, tap += 3 * grid.weight_step) {  // a pixel is in three sums
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

/// Two rows of pixels that meet three taps each way, pixels and taps `step` apart: out (2, out_row) from at = 0 on, of
/// x (4, columns) and weights (3, weight_row). A pixel of x is loaded once for up to six sums. Rows that are null count
/// 0, and so do columns at `left` or `right` end.
template <class Isa, int Pixels>
[[gnu::noinline]] void multiply_3x3(const float* const (&x)[4], long at, long step, const float* weights,
                                    long weight_row, long weight_step, bool left, bool right, float* __restrict out,
                                    long out_row) {
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

/// The taps of one axis that a phase meets: the i-th is tap first + i step, at offset + i offset_step.
struct PhaseTaps {
  int first = 0, step = 1, offset = 0, offset_step = 1, count = 0;

  static constexpr PhaseTaps of(const ConvolutionGeometry& s, int phase) {
    PhaseTaps taps;
    for (int t = 0; t < s.kernel; ++t) {
      if (!s.meets(phase, t)) continue;
      if (taps.count == 0) taps.first = t, taps.offset = s.offset(phase, t);
      if (taps.count == 1) taps.step = t - taps.first, taps.offset_step = s.offset(phase, t) - taps.offset;
      ++taps.count;
    }
    return taps;
  }
};

/// out (columns, NR) = row `row` of the phase that meets taps `down` and `across`, for `width` channels from `channel`
/// of the split on. The `whole` pixels are computed a group at a time, the last group so that it ends with them; where
/// they are fewer than a group, so many behind them are overwritten.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_row(const ConvolutionGeometry& s, DepthwiseInputRows<Isa, Source>& x, int row,
                                     const PhaseTaps& down, const PhaseTaps& across, int columns, const Span& whole,
                                     int channel, int width, const float* weights, float* out) {
  constexpr int at_once = DepthwiseTiling::at_once;
  const long pitch = x.pitch(), step = s.step * pitch;
  TapGrid grid;
  grid.length = across.count;
  grid.column_step = across.offset_step * pitch;
  grid.weight_step = across.step * NR<Isa>;
  for (int i = 0; i < down.count; ++i) {
    const float* from = x.at(row * s.step + down.offset + i * down.offset_step);
    if (from == nullptr) continue;
    grid.x[grid.rows] = from + across.offset * pitch + channel;
    grid.weights[grid.rows++] = weights + ((down.first + i * down.step) * s.kernel + across.first) * NR<Isa>;
  }
  for (int q = 0; q < columns;) {
    const bool alone = q < whole.begin || q >= whole.end;
    const int at = alone || q + at_once <= whole.end || whole.end - whole.begin < at_once ? q : whole.end - at_once;
    const Span taps =
        alone ? x.inside(q * s.step + across.offset, across.offset_step, across.count) : Span{0, grid.length};
    for (int j = 0; j < width; j += Isa::width) {
      float* to = out + long(at) * NR<Isa> + j;
      x.prefetcher().step();
      if (alone)
        multiply_taps<Isa, 1>(grid, at * step + j, step, taps.begin, taps.end, j, to);
      else
        multiply_taps<Isa, at_once>(grid, at * step + j, step, taps.begin, taps.end, j, to);
    }
    q = at + (alone ? 1 : at_once);
  }
}

/// out (2, output columns, NR) = the same of two rows that multiply_3x3 takes, of `columns` each.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_pair(const ConvolutionGeometry& s, DepthwiseInputRows<Isa, Source>& x, int row,
                                      const PhaseTaps& down, const PhaseTaps& across, int columns,
                                      const Span& output_columns, int channel, int width, const float* weights,
                                      float* out) {
  constexpr int at_once = DepthwiseTiling::at_once_3x3<Isa>;
  const long pitch = x.pitch(), step = s.step * pitch;
  const float* from[4];
  for (int r = 0; r < 4; ++r) {
    from[r] = x.at((row + r) * s.step + down.offset);
    if (from[r] != nullptr) from[r] += across.offset * pitch + channel;
  }
  weights += (down.first * s.kernel + across.first) * NR<Isa>;
  for (int q = output_columns.begin; q < output_columns.end; q += at_once) {
    if (q + at_once > output_columns.end && output_columns.end - output_columns.begin >= at_once)
      q = output_columns.end - at_once;
    const bool left = q == 0 && x.outside(across.offset);
    const bool right = q + at_once == columns && x.outside((columns - 1) * s.step + across.offset + 2 * s.step);
    for (int j = 0; j < width; j += Isa::width) {
      x.prefetcher().step();
      multiply_3x3<Isa, at_once>(from, q * step + j, step, weights + j, long(down.step) * s.kernel * NR<Isa>,
                                 across.step * NR<Isa>, left, right, out + long(q - output_columns.begin) * NR<Isa> + j,
                                 long(output_columns.end - output_columns.begin) * NR<Isa>);
    }
  }
}

/// Forward, or input gradient with its geometry and weights packed in reverse.
/// equals: direct_forward, direct_input_gradient. Error: rms <= 5e-6 of the result's.
template <class Isa, class Source, class Epilogue>
void run_depthwise_tiled(const ConvolutionGeometry& s, int n, const Source& source, const float* packed,
                         const Epilogue& epilogue, ThreadPool& pool, float* scratch) {
  const DepthwiseTiling b = DepthwiseTiling::of(s, epilogue.row_multiple());
  const long worker_floats = depthwise_scratch_floats<Isa>(s, epilogue.row_multiple());
  const int panels = b.panels<Isa>(), all_rows = s.extent(s.out.h, 0);
  constexpr int border_cost = 1;
  // As in run_tiled, splitting changes no result.
  const int splits = b.splits<Isa>(b.blocks(n), pool.size());
  pool.run(b.blocks(n) * splits, [&](int task, int worker) {
    float* slots = scratch + worker * worker_floats;  // (slots, columns, pitch)
    float* out = slots + b.ring_floats<Isa>();        // (chunk rows, columns, NR)
    OutputTile result;
    result.values = out;
    result.block = task / splits;
    result.sample = result.block / b.blocks_per_sample;
    result.samples = 1;
    result.row_step = result.column_step = s.phases;
    const int first_panel = panels * (task % splits) / splits, last_panel = panels * (task % splits + 1) / splits;
    const int first_row = result.block % b.blocks_per_sample * b.rows, last_row = smaller(first_row + b.rows, all_rows);
    DepthwiseInputRows<Isa, Source> x(b, source, slots, result.sample, first_row, first_panel, last_panel, border_cost);
    for (int row = first_row; row < last_row; row += b.chunk_rows) {
      const int rows = smaller(b.chunk_rows, last_row - row);
      x.advance(row, rows, b.steps<Isa>(last_panel - first_panel, rows));
      for (int phase = 0; phase < s.phases * s.phases; ++phase) {
        const int phase_h = phase / s.phases, phase_w = phase % s.phases, columns = s.extent(s.out.w, phase_w);
        result.row = phase_h + row * s.phases;
        result.rows = smaller(rows, s.extent(s.out.h, phase_h) - row);
        if (result.rows <= 0 || columns <= 0) continue;
        const PhaseTaps down = PhaseTaps::of(s, phase_h), across = PhaseTaps::of(s, phase_w);
        const Span whole = x.whole(columns, across.offset, across.offset_step, across.count);
        const int pairs = b.pairs ? result.rows / 2 : 0;
        const bool by_columns = 2 * pairs == result.rows;  // of columns
        for (Span output_columns; output_columns.end < columns;) {
          output_columns = by_columns ? b.output_columns(output_columns.end, columns) : Span{0, columns};
          result.column = phase_w + output_columns.begin * s.phases;
          result.columns = output_columns.end - output_columns.begin;
          result.first = row == first_row && phase == 0 && output_columns.begin == 0;
          for (int panel = first_panel; panel < last_panel; ++panel) {
            const int channel = (panel - first_panel) * NR<Isa>;
            const float* weights = packed + long(panel) * s.kernel * s.kernel * NR<Isa>;
            result.channel = panel * NR<Isa>;
            result.width = b.width<Isa>(panel, panel + 1);
            for (int i = 0; i < 2 * pairs; i += 2)
              depthwise_pair<Isa>(s, x, row + i, down, across, columns, output_columns, channel, result.width, weights,
                                  out + long(i) * result.columns * NR<Isa>);
            for (int i = 2 * pairs; i < result.rows; ++i)
              depthwise_row<Isa>(s, x, row + i, down, across, columns, whole, channel, result.width, weights,
                                 out + long(i) * columns * NR<Isa>);
            epilogue.apply(result);
          }
        }
      }
    }
    __builtin_ia32_sfence();  // as in run_tiled
  });
}

}  // namespace tinycnn::cpu
