// Winograd convolution, forward and input gradient: transform the input tiles to spectra, multiply them point by point,
// transform back. A quarter of the direct convolution's products.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>
#include <tinycnn/backends/cpu/conv/winograd/pack_weights.hpp>

namespace tinycnn::cpu {

/// How the images are tiled. A block is one or more whole samples, or some rows of tiles of one sample; it depends on
/// the shape alone. A chunk is the part of a block's results that is transformed to pixels and passed to the epilogue
/// at a time.
struct WinogradTiling {
  int samples = 1;  // per block
  int rows = 1;     // of tiles, per block
  int blocks_per_sample = 1;
  int tiles_per_row = 1;
  int tile_width = Winograd::tile;
  int chunk_samples = 1;
  int chunk_rows = 1;  // of tiles

  /// `row_multiple`: the first pixel row of a block and of a chunk is a multiple of it (the height of a pooling
  /// window).
  [[gnu::noinline]] static constexpr WinogradTiling of(const ConvolutionShape& s, int row_multiple = 1,
                                                       int tile_width = Winograd::tile) {
    WinogradTiling tiling;
    tiling.tile_width = tile_width;
    tiling.tiles_per_row = tile_columns(s, tile_width);
    int target_tiles = 16;  // per block: they share one pass over the weights, so more weights want more tiles
    while (target_tiles < 64 && std::int64_t{64} * target_tiles * target_tiles < std::int64_t(s.x.c) * s.y.c)
      target_tiles *= 2;
    int multiple = 1;
    while (multiple * Winograd::tile % row_multiple != 0) ++multiple;
    tiling.rows = round_up(target_tiles / tiling.tiles_per_row > 1 ? target_tiles / tiling.tiles_per_row : 1, multiple);
    const int all = tile_rows(s);
    if (tiling.rows >= all) {
      tiling.rows = all;
      const int fitting = target_tiles / (all * tiling.tiles_per_row);
      tiling.samples = fitting > 1 ? fitting : 1;
    }
    tiling.blocks_per_sample = ceil_div(all, tiling.rows);
    constexpr int chunk_pixels = 256;
    const int row_pixels = Winograd::tile * tile_width * tiling.tiles_per_row;
    tiling.chunk_rows = round_up(chunk_pixels / row_pixels > 1 ? chunk_pixels / row_pixels : 1, multiple);
    if (tiling.chunk_rows >= tiling.rows) {
      tiling.chunk_rows = tiling.rows;
      const int fitting = chunk_pixels / (tiling.rows * row_pixels);
      tiling.chunk_samples = fitting < 1 ? 1 : fitting < tiling.samples ? fitting : tiling.samples;
    }
    return tiling;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return ceil_div(n, samples) * blocks_per_sample; }
  [[nodiscard]] constexpr int tiles() const { return samples * rows * tiles_per_row; }
  [[nodiscard]] constexpr int points() const { return Winograd::points_of(tile_width); }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t tile_step(const ConvolutionShape& s) const {
    const int channels = round_up(s.x.c, Isa::width);
    return channels + (channels % 1024 == 0 ? 16 : 0);
  }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t input_step(const ConvolutionShape& s) const {
    return point_step_of(tiles() * tile_step<Isa>(s));
  }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t output_step() const {
    return point_step_of(std::int64_t(round_up(tiles(), MR<Isa>)) * NR<Isa>);
  }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t pixel_floats() const {
    return std::int64_t(Winograd::tile) * tile_width * chunk_samples * chunk_rows * tiles_per_row * NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t scratch_floats(const ConvolutionShape& s) const {
    return points() * (input_step<Isa>(s) + output_step<Isa>()) + pixel_floats<Isa>() + input_row_floats(s);
  }
};

/// Scratch floats per worker; `row_multiple` is the epilogue's.
template <class Isa>
constexpr std::int64_t winograd_scratch_floats(const ConvolutionShape& s, int row_multiple = 1,
                                               int tile_width = Winograd::tile) {
  return WinogradTiling::of(s, row_multiple, tile_width).scratch_floats<Isa>(s);
}

/// The number of blocks of n samples, non-decreasing in n; an epilogue's partial sums have one row per block.
constexpr int winograd_blocks(const ConvolutionShape& s, int n, int row_multiple = 1) {
  return WinogradTiling::of(s, row_multiple).blocks(n);
}

/// m[point][tile][NR] = v[point][tile][C] * u[point][C][NR] for each point; `prefetcher` takes one step per register
/// tile. With more than MR tiles, both factors are prefetched as well: spectra one register tile ahead, weights one
/// point ahead.
template <class Isa>
[[gnu::noinline]] void multiply_points(int points, int channels, int tiles, const float* v, std::int64_t v_step,
                                       std::int64_t tile_step, const float* u, float* m, std::int64_t m_step,
                                       Prefetcher& prefetcher) {
  const std::int64_t weights = std::int64_t(channels) * NR<Isa>;
  Depth whole;
  whole.add(0, 0, channels);
  for (int p = 0; p < points; ++p, v += v_step, u += weights, m += m_step) {
    if (tiles > MR<Isa>) {
      multiply_tiles<Isa>(v, tile_step, tiles, u, channels, m, v + v_step, u + weights, prefetcher);
      continue;
    }
    prefetcher.step();
    const float* a[MR<Isa>];
    for (int i = 0; i < MR<Isa>; ++i) a[i] = v + (i < tiles ? i : tiles - 1) * tile_step;
    multiply<Isa>(a, u, whole, m, false);
  }
}

/// y (samples, rows, columns, NR) = A^T m A for tiles m[point][sample, tile row, tile column][NR].
template <class Isa, int Width>
[[gnu::noinline]] void transform_outputs(const float* m, std::int64_t m_step, int samples, int rows, int columns,
                                         float* y) {
  for (int i = 0; i < samples; ++i, y += std::int64_t(rows) * columns * NR<Isa>)
    for (int p = 0; p < rows; p += Winograd::tile)
      for (int q = 0; q < columns; q += Width, m += NR<Isa>)
        for (int k = 0; k < NR<Isa>; k += Isa::width)
          transform_output_tile<Isa, Width>(m + k, m_step, y + (std::int64_t(p) * columns + q) * NR<Isa> + k,
                                            std::int64_t(columns) * NR<Isa>, rows - p, columns - q);
}

/// equals: direct_forward, with weights packed by winograd_pack_forward for the same tile width. Error: rms <= 2e-5 of
/// the rms of the result.
template <class Isa, class Source, class Epilogue>
[[gnu::noinline]] void winograd_forward(const ConvolutionShape& s, int n, const Source& x, const float* packed,
                                        const Epilogue& epilogue, ThreadPool& pool, float* scratch,
                                        int tile_width = Winograd::tile) {
  const WinogradTiling tiling = WinogradTiling::of(s, epilogue.row_multiple(), tile_width);
  const auto transform_back = tile_width == Winograd::narrow ? &transform_outputs<Isa, Winograd::narrow>
                                                             : &transform_outputs<Isa, Winograd::tile>;
  const int panels = ceil_div(s.y.c, NR<Isa>);
  // A block's panels may be split over several tasks, to occupy all threads where blocks are few; no result depends on
  // it. But each of these tasks transforms the block's input again.
  const int blocks = tiling.blocks(n);
  const int max_splits = blocks > 0 ? ceil_div(4 * pool.size(), blocks) : 1;
  int splits = 1;
  while (splits < max_splits && splits < panels && blocks * splits % pool.size() != 0) ++splits;
  const std::int64_t worker_floats = tiling.scratch_floats<Isa>(s);
  pool.run(blocks * splits, [&](int task, int worker) {
    const int split = task % splits;
    const int block = task / splits;
    const int sample = block / tiling.blocks_per_sample * tiling.samples;
    const int samples = n - sample < tiling.samples ? n - sample : tiling.samples;
    const int first_row = block % tiling.blocks_per_sample * tiling.rows;
    const int rows = tile_rows(s) - first_row < tiling.rows ? tile_rows(s) - first_row : tiling.rows;
    const Spectra v{scratch + worker * worker_floats, tiling.input_step<Isa>(s), tiling.tile_step<Isa>(s),
                    winograd_strip, winograd_strip};             // (point,tile,C)
    float* m = v.data + tiling.points() * v.point_step;          // (point,tile,NR)
    float* y = m + tiling.points() * tiling.output_step<Isa>();  // of one chunk, (samples,rows,columns,NR)
    float* tile = y + tiling.pixel_floats<Isa>();
    for (int i = 0; i < samples * rows; ++i)
      transform_input_row<Isa>(s, x, sample + i / rows, first_row + i % rows, tile, v, i * tiling.tiles_per_row,
                               tile_width);
    OutputTile result;
    result.values = y;
    result.block = block;
    result.columns = s.y.w;
    const int begin = panels * split / splits, end = panels * (split + 1) / splits;
    Prefetcher prefetcher;  // of the next block, which this worker likely takes
    if (splits == 1 && block + 1 < blocks) {
      const int next = block + 1, row = next % tiling.blocks_per_sample * tiling.rows;
      const std::int64_t first = std::int64_t(next / tiling.blocks_per_sample * tiling.samples) * tile_rows(s) + row;
      prefetcher =
          prefetch_rows(s, x, s.x, n, first, first + (tiling.samples - std::int64_t{1}) * tile_rows(s) + tiling.rows,
                        -s.window.rows.padding, 6,
                        std::int64_t(tiling.points()) * ceil_div(tiling.tiles(), MR<Isa>) * (end - begin), 0, s.x.c);
    }
    for (int panel = begin; panel < end; ++panel) {
      multiply_points<Isa>(tiling.points(), s.x.c, samples * rows * tiling.tiles_per_row, v.data, v.point_step,
                           v.tile_step, packed + panel * winograd_panel_floats<Isa>(s, tile_width), m,
                           tiling.output_step<Isa>(), prefetcher);
      result.channel = panel * NR<Isa>;
      result.width = s.y.c - result.channel < NR<Isa> ? s.y.c - result.channel : NR<Isa>;
      result.first = true;
      for (int i = 0; i < samples; i += tiling.chunk_samples)
        for (int row = 0; row < rows; row += tiling.chunk_rows) {
          result.sample = sample + i;
          result.samples = samples - i < tiling.chunk_samples ? samples - i : tiling.chunk_samples;
          result.row = (first_row + row) * Winograd::tile;
          const int last = row + tiling.chunk_rows < rows ? row + tiling.chunk_rows : rows;
          const int end_row = (first_row + last) * Winograd::tile;
          result.rows = (end_row < s.y.h ? end_row : s.y.h) - result.row;
          transform_back(m + (i * rows + row) * std::int64_t(tiling.tiles_per_row) * NR<Isa>, tiling.output_step<Isa>(),
                         result.samples, result.rows, result.columns, y);
          epilogue.apply(result);
          result.first = false;
        }
    }
    __builtin_ia32_sfence();  // orders non-temporal stores before the end of the task
  });
}

/// equals: direct_input_gradient, with weights packed by winograd_pack_input_gradient. Error: rms <= 2e-5 of the rms of
/// the result.
template <class Isa, class Source, class Epilogue>
void winograd_input_gradient(const ConvolutionShape& s, int n, const Source& dy, const float* packed,
                             const Epilogue& epilogue, ThreadPool& pool, float* scratch) {
  winograd_forward<Isa>(winograd_transposed(s), n, dy, packed, epilogue, pool, scratch);
}

/// Scratch floats per worker.
template <class Isa>
constexpr std::int64_t winograd_input_gradient_scratch_floats(const ConvolutionShape& s) {
  return winograd_scratch_floats<Isa>(winograd_transposed(s));
}

/// Floats of the packed weights.
template <class Isa>
constexpr std::int64_t winograd_packed_input_gradient_floats(const ConvolutionShape& s) {
  return winograd_packed_floats<Isa>(winograd_transposed(s));
}

}  // namespace tinycnn::cpu
