// The tiled loop of a direct convolution (implicit GEMM): loads the input tile of a block, multiplies it by one weight
// panel after another, and passes each output tile to the epilogue while it is in the cache.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/geometry.hpp>
#include <tinycnn/backends/cpu/conv/input_tile.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// An output tile: the results of a block, or of a chunk of it, for one panel of up to NR channels. values (samples,
/// rows, columns, NR); element (s, i, j) is the pixel of sample `sample + s`, row `row + i * row_step`, column `column
/// + j * column_step`. In a forward pass, the tiles of a (block, panel) cover each of its pixels once and come one
/// after another; they consist of whole rows unless row_multiple is 1.
struct OutputTile {
  const float* values = nullptr;
  int block = 0;
  int sample = 0, samples = 0;
  int row = 0, row_step = 1, rows = 0;
  int column = 0, column_step = 1, columns = 0;
  int channel = 0, width = 0;
  bool first = true;  // of the tiles of this (block, panel)

  /// Index in `values`, without the channel, of the pixel in the middle of a sample's tile. At the border padding takes
  /// part in a result, so the first pixel may be far from all others.
  [[nodiscard]] std::int64_t middle(int s) const { return (std::int64_t(s) * rows + rows / 2) * columns + columns / 2; }
};

/// The operands of an output tile of a 3x3 convolution of stride 1 with few input channels. An epilogue may compute the
/// tile itself, in registers, in an overload of `apply` that takes them; the overload returns false to decline.
struct FewChannels {
  static constexpr int kernel = 3, max_channels = 4;
  const float* tile = nullptr;     // (samples,rows+2,columns+2,C); the patch of result (i, j) starts at (i, j)
  const float* weights = nullptr;  // (3,3,C,NR)
  int channels = 0;
  std::int64_t row = 0, sample = 0;  // floats from row to row, from sample to sample

  static constexpr bool fits(const ConvolutionGeometry& g, const ConvolutionTiling& t) {
    return g.rows.kernel == kernel && g.columns.kernel == kernel && g.is_dense() && g.inputs() <= max_channels &&
           t.pitch == g.inputs();
  }
};

/// Iterates over an output tile's pixels in order: `next` returns the pixel's address in the input tile. Stays on the
/// last pixel.
class PixelCursor {
 public:
  PixelCursor(const float* tile, const ConvolutionGeometry& g, const ConvolutionTiling& t, int samples, int rows,
              int columns)
      : at_(tile),
        rows_(rows),
        columns_(columns),
        left_(std::int64_t(samples) * rows * columns),
        pixel_step_(g.columns.step * t.pitch),
        row_step_(std::int64_t(g.rows.step) * t.tile_columns * t.pitch - std::int64_t(columns) * pixel_step_),
        sample_step_(t.tile() - std::int64_t(rows) * g.rows.step * t.tile_columns * t.pitch) {}

  const float* next() {
    const float* pixel = at_;
    if (--left_ <= 0) return pixel;
    at_ += pixel_step_;
    if (++column_ == columns_) {
      column_ = 0;
      at_ += row_step_;
      if (++row_ == rows_) {
        row_ = 0;
        at_ += sample_step_;
      }
    }
    return pixel;
  }

 private:
  const float* at_;
  int row_ = 0, column_ = 0;
  int rows_, columns_;
  std::int64_t left_;
  std::int64_t pixel_step_, row_step_, sample_step_;
};

/// Computes an output tile of one phase, one register tile after another: out (samples * rows * columns rounded up to
/// MR, NR).
template <class Isa>
[[gnu::noinline]] void compute_output_tile(const ConvolutionGeometry& g, const ConvolutionTiling& t, const float* tile,
                                           const float* weights, int phase_h, int phase_w, int samples, int rows,
                                           int columns, int width, float* out, Prefetcher* prefetcher) {
  const int pixels = samples * rows * columns;
  for_each_depth<Isa>(g, t, phase_h, phase_w, [&](const Depth& depth, bool first) {
    PixelCursor cursor(tile, g, t, samples, rows, columns);
    for (int pixel = 0; pixel < pixels; pixel += MR<Isa>) {
      const float* a[MR<Isa>];
      for (int i = 0; i < MR<Isa>; ++i) a[i] = cursor.next();
      if (width <= Isa::width)
        multiply<Isa, true>(a, weights, depth, out + std::int64_t(pixel) * NR<Isa>, !first);
      else if (prefetcher == nullptr)
        multiply<Isa>(a, weights, depth, out + std::int64_t(pixel) * NR<Isa>, !first);
      else
        multiply<Isa>(a, weights, depth, out + std::int64_t(pixel) * NR<Isa>, !first, *prefetcher);
    }
  });
}

/// Whether the arithmetic intensity of a block (products per element read) is so low that the next block's input must
/// be prefetched.
constexpr bool needs_prefetch(const ConvolutionGeometry& g) {
  constexpr int enough_products = 512;
  return g.taps() * g.outputs() <= enough_products * g.rows.step * g.columns.step * g.phases();
}

/// Whether the products read the stored input in place instead of a loaded tile: 1x1 convolutions of stride 1 without
/// padding or deferred affine. Pixels a multiple of 4 KB apart are loaded all the same (see ConvolutionTiling::pitch).
template <class Source>
bool reads_in_place(const ConvolutionGeometry& g, const Source& source) {
  return g.taps() == 1 && g.rows.base == 0 && g.columns.base == 0 && g.is_dense() && g.in.c % 1024 != 0 &&
         source.pixels(0) != nullptr;
}

/// Runs the pass over n samples. `packed` holds the weights as packed_floats describes, 64-byte aligned; `scratch`
/// holds scratch_floats(g) per worker. `source` loads the input (see TensorSource), `epilogue.apply(OutputTile)`
/// consumes the results.
template <class Isa, class Source, class Epilogue>
[[gnu::noinline]] void run_tiled(const ConvolutionGeometry& g, const ConvolutionTiling& tiling, int n,
                                 const Source& source, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                                 float* scratch) {
  const int panels = ceil_div(g.outputs(), NR<Isa>);
  const std::int64_t panel_weights = std::int64_t(g.taps()) * g.inputs() * NR<Isa>;
  const std::int64_t worker_floats = tiling.scratch_floats<Isa>(g);
  const bool in_place = reads_in_place(g, source), prefetching = needs_prefetch(g);
  ConvolutionTiling t = tiling;
  if (in_place) t.pitch = g.in.c;  // of what the products read
  // A block's panels may be split over several tasks, to occupy all threads where blocks are few; no result depends on
  // it.
  const int blocks = t.blocks(n) * g.groups;
  const int target = blocks > 0 ? ceil_div(4 * pool.size(), blocks) : 1;
  const int splits = target < panels ? target : panels;
  struct Task {
    int split, group, block, sample, samples, first_row;
  };
  const auto task_at = [&](int index) {
    const int block = index / splits / g.groups, sample = block / t.blocks_per_sample * t.samples;
    return Task{index % splits,
                index / splits % g.groups,
                block,
                sample,
                n - sample < t.samples ? n - sample : t.samples,
                block % t.blocks_per_sample * t.rows};
  };
  // Prefetches the next task's input, unless it is this task's.
  const auto prefetch_task = [&](int index, int products) -> Prefetcher {
    if (!prefetching || index == blocks * splits || index % splits > 0) return {};
    const Task next = task_at(index);
    const int first = next.first_row * g.rows.step,
              end = first + t.rows * g.rows.step < g.in.h ? first + t.rows * g.rows.step : g.in.h;
    const std::int64_t rows = (next.samples - std::int64_t{1}) * g.in.h;
    return source.prefetch(std::int64_t(next.sample) * g.in.h + first, next.sample * std::int64_t(g.in.h) + rows + end,
                           products * std::int64_t(g.taps()) * (g.inputs() / steps_per_prefetch),
                           next.group * g.inputs(), g.inputs());
  };
  pool.run(blocks * splits, [&](int index, int worker) {
    const auto [split, group, block, sample, samples, first_row] = task_at(index);
    float* loaded_tile = scratch + worker * worker_floats;                       // as `tile`
    float* out = loaded_tile + (tiling.samples * tiling.tile() + 15) / 16 * 16;  // (pixels, NR)
    const float* tile = loaded_tile;  // (samples, tile_rows, tile_columns, pitch)
    if (in_place) {
      tile = source.pixels(sample) + std::int64_t(first_row) * g.in.w * g.in.c + group * g.inputs();
    } else {
      const Rectangle rectangle{first_row * g.rows.step + t.first_row, t.first_column, t.tile_rows, t.tile_columns};
      for (int i = 0; i < samples; ++i)
        load_tile<Isa>(loaded_tile + i * t.tile(), t.pitch, rectangle, g.in, source, sample + i, group * g.inputs(),
                       g.inputs());
    }
    const int first_panel = panels * split / splits, end_panel = panels * (split + 1) / splits;
    Prefetcher prefetcher = prefetch_task(
        index + 1, (end_panel - first_panel) * ceil_div(t.samples * t.rows * g.phase_columns(0), MR<Isa>));
    for (int panel = first_panel; panel < end_panel; ++panel) {
      const float* weights = packed + (std::int64_t(group) * panels + panel) * panel_weights;
      const int left = g.outputs() - panel * NR<Isa>;
      OutputTile result;
      result.values = out;
      result.block = block;
      result.sample = sample;
      result.samples = samples;
      result.row_step = g.rows.phases;
      result.column_step = g.columns.phases;
      result.channel = group * g.outputs() + panel * NR<Isa>;
      result.width = left < NR<Isa> ? left : NR<Isa>;
      for (int phase_h = 0; phase_h < g.rows.phases; ++phase_h)
        for (int phase_w = 0; phase_w < g.columns.phases; ++phase_w) {
          const int rows = g.phase_rows(phase_h) - first_row;
          result.row = phase_h + first_row * g.rows.phases;
          result.rows = rows < t.rows ? rows : t.rows;
          result.column = phase_w;
          result.columns = g.phase_columns(phase_w);
          if (result.rows <= 0 || result.columns <= 0) continue;
          if constexpr (requires(FewChannels few) { epilogue.apply(result, few); })
            if (FewChannels::fits(g, t) &&
                epilogue.apply(
                    result, FewChannels{tile, weights, g.inputs(), std::int64_t(t.tile_columns) * t.pitch, t.tile()}))
              continue;
          compute_output_tile<Isa>(g, t, tile, weights, phase_h, phase_w, samples, result.rows, result.columns,
                                   result.width, out, prefetching ? &prefetcher : nullptr);
          epilogue.apply(result);
        }
    }
    __builtin_ia32_sfence();  // orders non-temporal stores before the end of the task
  });
}

}  // namespace tinycnn::cpu
