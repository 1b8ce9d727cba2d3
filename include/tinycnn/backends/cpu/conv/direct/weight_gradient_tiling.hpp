// How the direct convolution's weight gradient is tiled: blocks of weights, partial sums over the batch, chunks of
// pixels.
#pragma once

#include <tinycnn/backends/cpu/conv/geometry.hpp>

namespace tinycnn::cpu {

/// A block is some inputs by some outputs of one group. Its sums stay in scratch while it goes through the batch in
/// chunks of pixels. Where there are few blocks, the batch is cut into a fixed number of shares, each with partial sums
/// of its own, which are added in order at the end. The shape and n alone decide all of it.
template <class Isa>
struct DirectWeightGradientTiling {
  static constexpr int strip = 16;           // channels side by side in the tile of x: a cache line a pixel
  static constexpr int pixels_wanted = 128;  // of a chunk: a strip of x and a panel of dy fit the first-level cache
  static constexpr int blocks_wanted = 16;
  static constexpr int partial_pixels = 1024;  // below it, adding partial sums costs more than it helps
  static constexpr int samples_usual = 64;

  int inputs = 1;   // of a block
  int outputs = 1;  // of a block
  int strip_width = 1;
  int input_blocks = 1;
  int output_blocks = 1;
  int most_partials = 1;
  ConvolutionTiling chunk;

  [[gnu::noinline]] static constexpr DirectWeightGradientTiling of(const ConvolutionShape& s) {
    DirectWeightGradientTiling b;
    const int pixels = s.y.h * s.y.w;
    const long usual_partials = 1 + long(samples_usual) * pixels / partial_pixels;
    // Every input is copied once per block of outputs and the other way round, so blocks are as wide as the
    // second-level cache has room for sums.
    b.set_block_size(s, s.taps() > 1 ? 64 : 256, s.taps() > 1 ? 128 : 256);
    while (b.inputs > 64 && b.blocks(s) * usual_partials < blocks_wanted)
      b.set_block_size(s, b.inputs / 2, b.outputs / 2);
    b.strip_width = smaller(b.inputs, strip);
    b.most_partials = ceil_div(blocks_wanted, b.blocks(s));

    const ConvolutionGeometry geometry = forward_geometry(s);
    ConvolutionTiling& c = b.chunk;
    const int reach = s.window.reach();
    c.first_offset = -s.window.padding;
    c.pitch = b.strip_width;
    c.tile_columns = (s.y.w - 1) * geometry.step + reach;
    c.rows = ceil_div(s.y.h, ceil_div(pixels, pixels_wanted));
    c.samples = c.rows < s.y.h ? 1 : (pixels_wanted + pixels / 2) / pixels;
    c.tile_rows = (c.rows - 1) * geometry.step + reach;
    c.blocks_per_sample = ceil_div(s.y.h, c.rows);
    return b;
  }

  constexpr void set_block_size(const ConvolutionShape& s, int inputs_wanted, int outputs_wanted) {
    inputs = smaller(s.group_inputs(), inputs_wanted);
    outputs = round_up(smaller(s.group_outputs(), outputs_wanted), NR<Isa>);
    input_blocks = ceil_div(s.group_inputs(), inputs);
    output_blocks = ceil_div(s.group_outputs(), outputs);
  }
  [[nodiscard]] constexpr int blocks(const ConvolutionShape& s) const {
    return s.groups * input_blocks * output_blocks;
  }
  [[nodiscard]] constexpr int partials(const ConvolutionShape& s, int n) const {
    const long filled = long(n) * s.y.h * s.y.w / partial_pixels;
    return filled < 1 ? 1 : filled < most_partials ? static_cast<int>(filled) : most_partials;
  }
  [[nodiscard]] constexpr int strips() const { return ceil_div(inputs, strip_width); }
  [[nodiscard]] constexpr int panels() const { return outputs / NR<Isa>; }
  [[nodiscard]] constexpr long strip_floats() const { return (chunk.samples * chunk.tile() + 15) / 16 * 16; }
  [[nodiscard]] constexpr int pixels(const ConvolutionShape& s) const { return chunk.samples * chunk.rows * s.y.w; }
  [[nodiscard]] constexpr long panel_floats(const ConvolutionShape& s) const { return long(pixels(s)) * NR<Isa>; }
  /// Rows of the sums of a strip: (r, s, c), rounded up to the register tile.
  [[nodiscard]] constexpr int strip_rows(const ConvolutionShape& s) const {
    return round_up(s.taps() * strip_width, MR<Isa>);
  }
  [[nodiscard]] constexpr long sums_floats(const ConvolutionShape& s) const {
    return long(panels()) * strips() * strip_rows(s) * NR<Isa>;
  }
  [[nodiscard]] constexpr long scratch_floats(const ConvolutionShape& s) const {
    return strips() * strip_floats() + panels() * panel_floats(s) + sums_floats(s) + outputs + round_up(pixels(s), 16);
  }
  [[nodiscard]] constexpr long partial_floats(const ConvolutionShape& s) const { return s.weights() + s.y.c; }
};

/// Per worker.
template <class Isa>
constexpr long direct_weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const ConvolutionShape dense = without_skipped_pixels(s);
  return (DirectWeightGradientTiling<Isa>::of(dense).scratch_floats(dense) + 15) / 16 * 16;
}

/// Shared by all workers: the partial sums; 0 where there is one share.
template <class Isa>
constexpr long direct_weight_gradient_shared_floats(const ConvolutionShape& s) {
  const auto b = DirectWeightGradientTiling<Isa>::of(without_skipped_pixels(s));
  return b.most_partials > 1 ? b.most_partials * b.partial_floats(s) : 0;
}

}  // namespace tinycnn::cpu
