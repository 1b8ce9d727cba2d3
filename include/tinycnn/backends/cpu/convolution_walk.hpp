// Running a sweep: load a block's tile, multiply it with one panel of weights after another, hand each panel on while
// hot.
#pragma once

#include <tinycnn/backends/cpu/convolution_sweep.hpp>
#include <tinycnn/backends/cpu/convolution_tile.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// Results of one block for up to NR channels: values (samples, rows, columns, NR), pixel (s, i, j) of them being
/// sample `sample + s`, row `row + i * row_step`, column `column + j * column_step`. In a forward sweep each
/// (block, channel) comes once, or in pieces that follow one another: of whole rows, unless row_multiple is 1.
struct Panel {
  const float* values = nullptr;
  int block = 0;
  int sample = 0, samples = 0;
  int row = 0, row_step = 1, rows = 0;
  int column = 0, column_step = 1, columns = 0;
  int channel = 0, width = 0;
  bool first = true;  // of the pieces
};

/// What a panel of a 3x3 convolution of stride 1 is made of where there are few channels: an epilogue may form the
/// products itself, two rows of pixels at a time, by a second `panel`, or say no.
struct FewChannels {
  static constexpr int kernel = 3, channels_most = 4;
  const float* tile = nullptr;     // (samples,rows+2,columns+2,C), a patch's first pixel where its result's is
  const float* weights = nullptr;  // (3,3,C,NR)
  int channels = 0;
  long row = 0, sample = 0;  // floats from one to the next

  static constexpr bool fits(const Sweep& s, const SweepBlocking& b) {
    return s.kernel == kernel && s.dilation == 1 && s.step == 1 && s.phases == 1 && s.inputs() <= channels_most &&
           b.pitch == s.inputs();
  }
};

/// Walks over the tile elements of a panel's pixels in order, and stays on the last one.
class PixelCursor {
 public:
  PixelCursor(const float* tile, const Sweep& s, const SweepBlocking& b, int samples, int rows, int columns)
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

/// One panel of one phase: out (samples * rows * columns rounded up to MR, NR).
template <class Isa>
[[gnu::noinline]] void multiply_panel(const Sweep& s, const SweepBlocking& b, const float* tile, const float* weights,
                                      int phase_h, int phase_w, int samples, int rows, int columns, int width,
                                      float* out, Ahead* ahead) {
  const int pixels = samples * rows * columns;
  for_each_depth<Isa>(s, b, phase_h, phase_w, [&](const Depth& depth, bool first) {
    PixelCursor cursor(tile, s, b, samples, rows, columns);
    for (int pixel = 0; pixel < pixels; pixel += MR<Isa>) {
      const float* a[MR<Isa>];
      for (int i = 0; i < MR<Isa>; ++i) a[i] = cursor.next();
      if (width <= Isa::width)
        multiply<Isa, true>(a, weights, depth, out + long(pixel) * NR<Isa>, !first);
      else if (ahead == nullptr)
        multiply<Isa>(a, weights, depth, out + long(pixel) * NR<Isa>, !first);
      else
        multiply<Isa>(a, weights, depth, out + long(pixel) * NR<Isa>, !first, *ahead);
    }
  });
}

/// Whether a block's arithmetic is too little to hide that the next one has to come from memory: products a number
/// read.
constexpr bool asks_ahead(const Sweep& s) {
  constexpr int products_enough = 512;
  return s.kernel * s.kernel * s.outputs() <= products_enough * s.step * s.step * s.phases * s.phases;
}

/// Pixels that are taken where they are stored: every one is read once for each panel, and borders there are none.
/// Those a multiple of 4 KB apart are copied as ever (see SweepBlocking).
template <class Source>
bool in_place(const Sweep& s, const Source& source) {
  return s.kernel == 1 && s.base == 0 && s.step == 1 && s.phases == 1 && s.in.c % 1024 != 0 &&
         source.pixels(0) != nullptr;
}

/// Sweeps over n samples. `packed` as packed_floats says, 64-byte aligned; `scratch` holds scratch_floats(s) for every
/// worker. `source` brings pixels in (see TensorSource), `epilogue.panel(Panel)` takes results out.
template <class Isa, class Source, class Epilogue>
[[gnu::noinline]] void walk(const Sweep& s, const SweepBlocking& blocking, int n, const Source& source,
                            const float* packed, const Epilogue& epilogue, ThreadPool& pool, float* scratch) {
  const int panels = ceil_div(s.outputs(), NR<Isa>);
  const long panel_weights = long(s.kernel) * s.kernel * s.inputs() * NR<Isa>;
  const long worker_floats = blocking.scratch_floats<Isa>(s);
  const bool stored = in_place(s, source), asks = asks_ahead(s);
  SweepBlocking b = blocking;
  if (stored) b.pitch = s.in.c;
  // Splitting a block's panels over units changes no result, only how many hands can help with few blocks.
  const int blocks = b.blocks(n) * s.groups;
  const int wanted = blocks > 0 ? ceil_div(4 * pool.size(), blocks) : 1;
  const int splits = wanted < panels ? wanted : panels;
  struct Unit {
    int split, group, block, sample, samples, first_row;
  };
  const auto unit_at = [&](int index) {
    const int block = index / splits / s.groups, sample = block / b.bands * b.samples;
    return Unit{index % splits,
                index / splits % s.groups,
                block,
                sample,
                n - sample < b.samples ? n - sample : b.samples,
                block % b.bands * b.rows};
  };
  // What the unit after this one will read, if it reads anything else.
  const auto ask = [&](int index, int products) -> Ahead {
    if (!asks || index == blocks * splits || index % splits > 0) return {};
    const Unit u = unit_at(index);
    const int first = u.first_row * s.step, end = first + b.rows * s.step < s.in.h ? first + b.rows * s.step : s.in.h;
    const long rows = (u.samples - 1L) * s.in.h;
    return source.ahead(long(u.sample) * s.in.h + first, u.sample * long(s.in.h) + rows + end,
                        products * long(s.kernel) * s.kernel * (s.inputs() / steps_together), u.group * s.inputs(),
                        s.inputs());
  };
  pool.run(blocks * splits, [&](int index, int worker) {
    const auto [split, group, block, sample, samples, first_row] = unit_at(index);
    float* copy = scratch + worker * worker_floats;                           // as tile
    float* out = copy + (blocking.samples * blocking.tile() + 15) / 16 * 16;  // (pixels, NR)
    const float* tile = copy;  // (samples, tile_rows, tile_columns, pitch)
    if (stored) {
      tile = source.pixels(sample) + long(first_row) * s.in.w * s.in.c + group * s.inputs();
    } else {
      const Rectangle rectangle{first_row * s.step + b.first_offset, b.first_offset, b.tile_rows, b.tile_columns};
      for (int i = 0; i < samples; ++i)
        load_tile<Isa>(copy + i * b.tile(), b.pitch, rectangle, s.in, source, sample + i, group * s.inputs(),
                       s.inputs());
    }
    const int first_panel = panels * split / splits, end_panel = panels * (split + 1) / splits;
    Ahead ahead =
        ask(index + 1, (end_panel - first_panel) * ceil_div(b.samples * b.rows * s.extent(s.out.w, 0), MR<Isa>));
    for (int panel = first_panel; panel < end_panel; ++panel) {
      const float* weights = packed + (long(group) * panels + panel) * panel_weights;
      const int left = s.outputs() - panel * NR<Isa>;
      Panel result;
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
          if constexpr (requires(FewChannels few) { epilogue.panel(result, few); })
            if (FewChannels::fits(s, b) &&
                epilogue.panel(result,
                               FewChannels{tile, weights, s.inputs(), long(b.tile_columns) * b.pitch, b.tile()}))
              continue;
          multiply_panel<Isa>(s, b, tile, weights, phase_h, phase_w, samples, result.rows, result.columns, result.width,
                              out, asks ? &ahead : nullptr);
          epilogue.panel(result);
        }
    }
    __builtin_ia32_sfence();  // streamed results are seen by whoever comes after the block
  });
}

}  // namespace tinycnn::cpu
