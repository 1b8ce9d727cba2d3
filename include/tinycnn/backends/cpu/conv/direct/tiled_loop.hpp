// The tiled loop of a direct convolution: load a block's input tile, multiply it with one panel of weights after
// another, and hand each output tile to the epilogue while it is in the cache.
#pragma once

#include <tinycnn/backends/cpu/conv/geometry.hpp>
#include <tinycnn/backends/cpu/conv/input_tile.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// Results of one block for up to NR channels: values (samples, rows, columns, NR), pixel (s, i, j) of them being
/// sample `sample + s`, row `row + i * row_step`, column `column + j * column_step`. In a forward pass each (block,
/// channel) comes once, or in tiles that follow one another: of whole rows, unless row_multiple is 1.
struct OutputTile {
  const float* values = nullptr;
  int block = 0;
  int sample = 0, samples = 0;
  int row = 0, row_step = 1, rows = 0;
  int column = 0, column_step = 1, columns = 0;
  int channel = 0, width = 0;
  bool first = true;  // of the block's tiles

  /// Index in `values`, without the channel, of the pixel in the middle of a sample's tile. At the border padding takes
  /// part in a result, so the first pixel may be far from all others.
  [[nodiscard]] long middle(int s) const { return (long(s) * rows + rows / 2) * columns + columns / 2; }
};

/// The operands of an output tile of a 3x3 convolution of stride 1 with few channels: an epilogue may form the products
/// itself, two rows of pixels at a time, in a second overload of `apply`, or return false.
struct FewChannels {
  static constexpr int kernel = 3, channels_most = 4;
  const float* tile = nullptr;     // (samples,rows+2,columns+2,C), a patch's first pixel where its result's is
  const float* weights = nullptr;  // (3,3,C,NR)
  int channels = 0;
  long row = 0, sample = 0;  // floats from one to the next

  static constexpr bool fits(const ConvolutionGeometry& s, const ConvolutionTiling& b) {
    return s.kernel == kernel && s.dilation == 1 && s.step == 1 && s.phases == 1 && s.inputs() <= channels_most &&
           b.pitch == s.inputs();
  }
};

/// Goes through the input tile's elements at an output tile's pixels in order, and stays on the last one.
class PixelCursor {
 public:
  PixelCursor(const float* tile, const ConvolutionGeometry& s, const ConvolutionTiling& b, int samples, int rows,
              int columns)
      : at_(tile),
        rows_(rows),
        columns_(columns),
        left_(long(samples) * rows * columns),
        pixel_step_(s.step * b.pitch),
        row_step_(long(s.step) * b.tile_columns * b.pitch - long(columns) * pixel_step_),
        sample_step_(b.tile() - long(rows) * s.step * b.tile_columns * b.pitch) {}

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
  long left_;
  long pixel_step_, row_step_, sample_step_;
};

/// One output tile of one phase: out (samples * rows * columns rounded up to MR, NR).
template <class Isa>
[[gnu::noinline]] void multiply_panel(const ConvolutionGeometry& s, const ConvolutionTiling& b, const float* tile,
                                      const float* weights, int phase_h, int phase_w, int samples, int rows,
                                      int columns, int width, float* out, Prefetcher* prefetcher) {
  const int pixels = samples * rows * columns;
  for_each_depth<Isa>(s, b, phase_h, phase_w, [&](const Depth& depth, bool first) {
    PixelCursor cursor(tile, s, b, samples, rows, columns);
    for (int pixel = 0; pixel < pixels; pixel += MR<Isa>) {
      const float* a[MR<Isa>];
      for (int i = 0; i < MR<Isa>; ++i) a[i] = cursor.next();
      if (width <= Isa::width)
        multiply<Isa, true>(a, weights, depth, out + long(pixel) * NR<Isa>, !first);
      else if (prefetcher == nullptr)
        multiply<Isa>(a, weights, depth, out + long(pixel) * NR<Isa>, !first);
      else
        multiply<Isa>(a, weights, depth, out + long(pixel) * NR<Isa>, !first, *prefetcher);
    }
  });
}

/// Whether a block's arithmetic intensity, products per element read, is too low to hide loading the next block from
/// memory.
constexpr bool needs_prefetch(const ConvolutionGeometry& s) {
  constexpr int products_enough = 512;
  return s.kernel * s.kernel * s.outputs() <= products_enough * s.step * s.step * s.phases * s.phases;
}

/// Whether pixels are read where they are stored: each is read once per panel, and there is no padding.
/// Those a multiple of 4 KB apart are copied as ever (see ConvolutionTiling).
template <class Source>
bool in_place(const ConvolutionGeometry& s, const Source& source) {
  return s.kernel == 1 && s.base == 0 && s.step == 1 && s.phases == 1 && s.in.c % 1024 != 0 &&
         source.pixels(0) != nullptr;
}

/// Runs the pass over n samples. `packed` as packed_floats says, 64-byte aligned; `scratch` holds scratch_floats(s) for
/// every worker. `source` brings pixels in (see TensorSource), `epilogue.apply(OutputTile)` takes results out.
template <class Isa, class Source, class Epilogue>
[[gnu::noinline]] void run_tiled(const ConvolutionGeometry& s, const ConvolutionTiling& tiling, int n,
                                 const Source& source, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                                 float* scratch) {
  const int panels = ceil_div(s.outputs(), NR<Isa>);
  const long panel_weights = long(s.kernel) * s.kernel * s.inputs() * NR<Isa>;
  const long worker_floats = tiling.scratch_floats<Isa>(s);
  const bool stored = in_place(s, source), prefetches = needs_prefetch(s);
  ConvolutionTiling b = tiling;
  if (stored) b.pitch = s.in.c;
  // Splitting a block's panels over tasks changes no result; it lets more threads help where there are few blocks.
  const int blocks = b.blocks(n) * s.groups;
  const int wanted = blocks > 0 ? ceil_div(4 * pool.size(), blocks) : 1;
  const int splits = wanted < panels ? wanted : panels;
  struct Task {
    int split, group, block, sample, samples, first_row;
  };
  const auto task_at = [&](int index) {
    const int block = index / splits / s.groups, sample = block / b.blocks_per_sample * b.samples;
    return Task{index % splits,
                index / splits % s.groups,
                block,
                sample,
                n - sample < b.samples ? n - sample : b.samples,
                block % b.blocks_per_sample * b.rows};
  };
  // Prefetches what the next task will read, if that is anything else.
  const auto prefetch_task = [&](int index, int products) -> Prefetcher {
    if (!prefetches || index == blocks * splits || index % splits > 0) return {};
    const Task u = task_at(index);
    const int first = u.first_row * s.step, end = first + b.rows * s.step < s.in.h ? first + b.rows * s.step : s.in.h;
    const long rows = (u.samples - 1L) * s.in.h;
    return source.prefetch(long(u.sample) * s.in.h + first, u.sample * long(s.in.h) + rows + end,
                           products * long(s.kernel) * s.kernel * (s.inputs() / steps_per_prefetch),
                           u.group * s.inputs(), s.inputs());
  };
  pool.run(blocks * splits, [&](int index, int worker) {
    const auto [split, group, block, sample, samples, first_row] = task_at(index);
    float* copy = scratch + worker * worker_floats;                       // as tile
    float* out = copy + (tiling.samples * tiling.tile() + 15) / 16 * 16;  // (pixels, NR)
    const float* tile = copy;                                             // (samples, tile_rows, tile_columns, pitch)
    if (stored) {
      tile = source.pixels(sample) + long(first_row) * s.in.w * s.in.c + group * s.inputs();
    } else {
      const Rectangle rectangle{first_row * s.step + b.first_offset, b.first_offset, b.tile_rows, b.tile_columns};
      for (int i = 0; i < samples; ++i)
        load_tile<Isa>(copy + i * b.tile(), b.pitch, rectangle, s.in, source, sample + i, group * s.inputs(),
                       s.inputs());
    }
    const int first_panel = panels * split / splits, end_panel = panels * (split + 1) / splits;
    Prefetcher prefetcher = prefetch_task(
        index + 1, (end_panel - first_panel) * ceil_div(b.samples * b.rows * s.extent(s.out.w, 0), MR<Isa>));
    for (int panel = first_panel; panel < end_panel; ++panel) {
      const float* weights = packed + (long(group) * panels + panel) * panel_weights;
      const int left = s.outputs() - panel * NR<Isa>;
      OutputTile result;
      result.values = out;
      result.block = block;
      result.sample = sample;
      result.samples = samples;
      result.row_step = result.column_step = s.phases;
      result.channel = group * s.outputs() + panel * NR<Isa>;
      result.width = left < NR<Isa> ? left : NR<Isa>;
      for (int phase_h = 0; phase_h < s.phases; ++phase_h)
        for (int phase_w = 0; phase_w < s.phases; ++phase_w) {
          const int rows = s.extent(s.out.h, phase_h) - first_row;
          result.row = phase_h + first_row * s.phases;
          result.rows = rows < b.rows ? rows : b.rows;
          result.column = phase_w;
          result.columns = s.extent(s.out.w, phase_w);
          if (result.rows <= 0 || result.columns <= 0) continue;
          if constexpr (requires(FewChannels few) { epilogue.apply(result, few); })
            if (FewChannels::fits(s, b) &&
                epilogue.apply(result,
                               FewChannels{tile, weights, s.inputs(), long(b.tile_columns) * b.pitch, b.tile()}))
              continue;
          multiply_panel<Isa>(s, b, tile, weights, phase_h, phase_w, samples, result.rows, result.columns, result.width,
                              out, prefetches ? &prefetcher : nullptr);
          epilogue.apply(result);
        }
    }
    __builtin_ia32_sfence();  // streamed results are seen by whoever comes after the block
  });
}

}  // namespace tinycnn::cpu
