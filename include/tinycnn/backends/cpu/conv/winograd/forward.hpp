// Winograd convolution, forward and input gradient: 36 products per block of tiles, a quarter of the direct arithmetic.
#pragma once

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>
#include <tinycnn/backends/cpu/conv/winograd/pack_weights.hpp>

namespace tinycnn::cpu {

/// How the images are tiled: a block is some whole samples, or some tile rows of one sample. The shape alone decides.
struct WinogradTiling {
  int samples = 1;
  int rows = 1;  // of tiles
  int blocks_per_sample = 1;
  int row_tiles = 1;  // tiles of a row
  int tile_width = Winograd::tile;
  int chunk_samples = 1,
      chunk_rows = 1;  // of a chunk: what is transformed to pixels and handed to the epilogue at a time

  /// `row_multiple`: blocks start at pixel rows that are multiples of it (a pooling window's height).
  [[gnu::noinline]] static constexpr WinogradTiling of(const ConvolutionShape& s, int row_multiple = 1,
                                                       int tile_width = Winograd::tile) {
    WinogradTiling b;
    b.tile_width = tile_width;
    b.row_tiles = tile_columns(s, tile_width);
    int wanted = 16;  // tiles that share one pass over the weights: the more of these, the more it must be
    while (wanted < 64 && 64L * wanted * wanted < long(s.x.c) * s.y.c) wanted *= 2;
    int multiple = 1;
    while (multiple * Winograd::tile % row_multiple != 0) ++multiple;
    b.rows = round_up(wanted / b.row_tiles > 1 ? wanted / b.row_tiles : 1, multiple);
    const int all = tile_rows(s);
    if (b.rows >= all) {
      b.rows = all;
      const int fitting = wanted / (all * b.row_tiles);
      b.samples = fitting > 1 ? fitting : 1;
    }
    b.blocks_per_sample = ceil_div(all, b.rows);
    constexpr int chunk_pixels = 256;
    const int row_pixels = Winograd::tile * tile_width * b.row_tiles;
    b.chunk_rows = round_up(chunk_pixels / row_pixels > 1 ? chunk_pixels / row_pixels : 1, multiple);
    if (b.chunk_rows >= b.rows) {
      b.chunk_rows = b.rows;
      const int fitting = chunk_pixels / (b.rows * row_pixels);
      b.chunk_samples = fitting < 1 ? 1 : fitting < b.samples ? fitting : b.samples;
    }
    return b;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return ceil_div(n, samples) * blocks_per_sample; }
  [[nodiscard]] constexpr int tiles() const { return samples * rows * row_tiles; }
  [[nodiscard]] constexpr int points() const { return Winograd::points_of(tile_width); }
  template <class Isa>
  [[nodiscard]] constexpr long tile_step(const ConvolutionShape& s) const {
    const int channels = round_up(s.x.c, Isa::width);
    return channels + (channels % 1024 == 0 ? 16 : 0);
  }
  template <class Isa>
  [[nodiscard]] constexpr long input_step(const ConvolutionShape& s) const {
    return point_step_of(tiles() * tile_step<Isa>(s));
  }
  template <class Isa>
  [[nodiscard]] constexpr long output_step() const {
    return point_step_of(long(round_up(tiles(), MR<Isa>)) * NR<Isa>);
  }
  template <class Isa>
  [[nodiscard]] constexpr long pixel_floats() const {
    return long(Winograd::tile) * tile_width * chunk_samples * chunk_rows * row_tiles * NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr long scratch_floats(const ConvolutionShape& s) const {
    return points() * (input_step<Isa>(s) + output_step<Isa>()) + pixel_floats<Isa>() + input_row_floats(s);
  }
};

/// Per worker. `row_multiple` is the epilogue's.
template <class Isa>
constexpr long winograd_scratch_floats(const ConvolutionShape& s, int row_multiple = 1,
                                       int tile_width = Winograd::tile) {
  return WinogradTiling::of(s, row_multiple, tile_width).scratch_floats<Isa>(s);
}

/// How many blocks n samples are cut into; per-block sums of an epilogue have one row each. Non-decreasing in n.
constexpr int winograd_blocks(const ConvolutionShape& s, int n, int row_multiple = 1) {
  return WinogradTiling::of(s, row_multiple).blocks(n);
}

/// m[point][tile][NR] = v[point][tile][C] * u[point][C][NR] for each of the points, a step of `prefetcher` with each
/// product. Where weights are read more than once, both factors are prefetched: spectra one product earlier, weights
/// one point earlier.
template <class Isa>
[[gnu::noinline]] void multiply_points(int points, int channels, int tiles, const float* v, long v_step, long tile_step,
                                       const float* u, float* m, long m_step, Prefetcher& prefetcher) {
  const long weights = long(channels) * NR<Isa>;
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

/// y (samples, rows, columns, NR) = A^T m A of the tiles m[point][sample, tile row, tile column][NR].
template <class Isa, int Width>
[[gnu::noinline]] void transform_outputs(const float* m, long m_step, int samples, int rows, int columns, float* y) {
  for (int i = 0; i < samples; ++i, y += long(rows) * columns * NR<Isa>)
    for (int p = 0; p < rows; p += Winograd::tile)
      for (int q = 0; q < columns; q += Width, m += NR<Isa>)
        for (int k = 0; k < NR<Isa>; k += Isa::width)
          transform_output_tile<Isa, Width>(m + k, m_step, y + (long(p) * columns + q) * NR<Isa> + k,
                                            long(columns) * NR<Isa>, rows - p, columns - q);
}

/// As direct_forward, with weights packed by winograd_pack_forward for tiles of the same width. Error: rms <= 2e-5
/// of the result's.
template <class Isa, class Source, class Epilogue>
[[gnu::noinline]] void winograd_forward(const ConvolutionShape& s, int n, const Source& x, const float* packed,
                                        const Epilogue& epilogue, ThreadPool& pool, float* scratch,
                                        int tile_width = Winograd::tile) {
  const WinogradTiling b = WinogradTiling::of(s, epilogue.row_multiple(), tile_width);
  const auto transform_back = tile_width == Winograd::narrow ? &transform_outputs<Isa, Winograd::narrow>
                                                             : &transform_outputs<Isa, Winograd::tile>;
  const int panels = ceil_div(s.y.c, NR<Isa>);
  // Splitting a block's panels over tasks changes no result and balances few blocks; but every task transforms the
  // block's inputs again.
  const int blocks = b.blocks(n);
  const int most = blocks > 0 ? ceil_div(4 * pool.size(), blocks) : 1;
  int splits = 1;
  while (splits < most && splits < panels && blocks * splits % pool.size() != 0) ++splits;
  const long worker_floats = b.scratch_floats<Isa>(s);
  pool.run(blocks * splits, [&](int task, int worker) {
    const int split = task % splits;
    const int block = task / splits;
    const int sample = block / b.blocks_per_sample * b.samples;
    const int samples = n - sample < b.samples ? n - sample : b.samples;
    const int first_row = block % b.blocks_per_sample * b.rows;
    const int rows = tile_rows(s) - first_row < b.rows ? tile_rows(s) - first_row : b.rows;
    const Spectra v{scratch + worker * worker_floats, b.input_step<Isa>(s), b.tile_step<Isa>(s), winograd_strip,
                    winograd_strip};                   // (point,tile,C)
    float* m = v.data + b.points() * v.point_step;     // (point,tile,NR)
    float* y = m + b.points() * b.output_step<Isa>();  // of a chunk, (samples,rows,columns,NR)
    float* tile = y + b.pixel_floats<Isa>();
    for (int i = 0; i < samples * rows; ++i)
      transform_input_row<Isa>(s, x, sample + i / rows, first_row + i % rows, tile, v, i * b.row_tiles, tile_width);
    OutputTile result;
    result.values = y;
    result.block = block;
    result.columns = s.y.w;
    const int begin = panels * split / splits, end = panels * (split + 1) / splits;
    Prefetcher prefetcher;  // this worker's likely next block
    if (splits == 1 && block + 1 < blocks) {
      const int next = block + 1, row = next % b.blocks_per_sample * b.rows;
      const long first = long(next / b.blocks_per_sample * b.samples) * tile_rows(s) + row;
      prefetcher =
          prefetch_rows(s, x, s.x, n, first, first + (b.samples - 1L) * tile_rows(s) + b.rows, -s.window.padding, 6,
                        long(b.points()) * ceil_div(b.tiles(), MR<Isa>) * (end - begin), 0, s.x.c);
    }
    for (int panel = begin; panel < end; ++panel) {
      multiply_points<Isa>(b.points(), s.x.c, samples * rows * b.row_tiles, v.data, v.point_step, v.tile_step,
                           packed + panel * winograd_panel_floats<Isa>(s, tile_width), m, b.output_step<Isa>(),
                           prefetcher);
      result.channel = panel * NR<Isa>;
      result.width = s.y.c - result.channel < NR<Isa> ? s.y.c - result.channel : NR<Isa>;
      result.first = true;
      for (int i = 0; i < samples; i += b.chunk_samples)
        for (int row = 0; row < rows; row += b.chunk_rows) {
          result.sample = sample + i;
          result.samples = samples - i < b.chunk_samples ? samples - i : b.chunk_samples;
          result.row = (first_row + row) * Winograd::tile;
          const int last = row + b.chunk_rows < rows ? row + b.chunk_rows : rows;
          const int end_row = (first_row + last) * Winograd::tile;
          result.rows = (end_row < s.y.h ? end_row : s.y.h) - result.row;
          transform_back(m + (i * rows + row) * long(b.row_tiles) * NR<Isa>, b.output_step<Isa>(), result.samples,
                         result.rows, result.columns, y);
          epilogue.apply(result);
          result.first = false;
        }
    }
    __builtin_ia32_sfence();  // streamed results are seen by whoever comes after the block
  });
}

/// As direct_input_gradient, with weights packed by winograd_pack_input_gradient. Error: rms <= 2e-5 of the
/// result's.
template <class Isa, class Source, class Epilogue>
void winograd_input_gradient(const ConvolutionShape& s, int n, const Source& dy, const float* packed,
                             const Epilogue& epilogue, ThreadPool& pool, float* scratch) {
  winograd_forward<Isa>(winograd_transposed(s), n, dy, packed, epilogue, pool, scratch);
}

/// Per worker.
template <class Isa>
constexpr long winograd_input_gradient_scratch_floats(const ConvolutionShape& s) {
  return winograd_scratch_floats<Isa>(winograd_transposed(s));
}

template <class Isa>
constexpr long winograd_packed_input_gradient_floats(const ConvolutionShape& s) {
  return winograd_packed_floats<Isa>(winograd_transposed(s));
}

}  // namespace tinycnn::cpu
