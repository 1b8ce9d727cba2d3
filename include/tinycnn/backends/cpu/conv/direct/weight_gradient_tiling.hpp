// The tiling of the direct convolution's weight gradient: blocks of weights, partial sums over the batch, chunks of
// pixels.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/geometry.hpp>

namespace tinycnn::cpu {

/// A block of weights is `inputs` x `outputs` channels of one group, with all taps. Its sums stay in scratch while a
/// task goes through the batch in chunks of pixels. Where there are few blocks, the chunks are divided among a fixed
/// number of partial sums, which are added in order at the end. All of it depends on the shape and n alone.
template <class Isa>
struct DirectWeightGradientTiling {
  static constexpr int strip = 16;           // channels of x stored together: one cache line per pixel
  static constexpr int target_pixels = 128;  // per chunk: a strip of x and a panel of dy fit the first-level cache
  static constexpr int target_blocks = 16;
  static constexpr int min_partial_pixels = 1024;  // with fewer, adding partial sums costs more than it saves
  static constexpr int usual_samples = 64;

  int inputs = 1;   // per block
  int outputs = 1;  // per block
  int strip_width = 1;
  int input_blocks = 1;
  int output_blocks = 1;
  int max_partials = 1;
  ConvolutionTiling chunk;

  [[gnu::noinline]] static constexpr DirectWeightGradientTiling of(const ConvolutionShape& s) {
    DirectWeightGradientTiling t;
    const int pixels = s.y.h * s.y.w;
    const std::int64_t usual_partials = 1 + std::int64_t(usual_samples) * pixels / min_partial_pixels;
    // Every input channel is copied once per block of outputs, and every output channel once per block of inputs. So
    // blocks are as large as the second-level cache allows for their sums.
    t.set_block_size(s, s.taps() > 1 ? 64 : 256, s.taps() > 1 ? 128 : 256);
    while (t.inputs > 64 && t.blocks(s) * usual_partials < target_blocks)
      t.set_block_size(s, t.inputs / 2, t.outputs / 2);
    t.strip_width = smaller(t.inputs, strip);
    t.max_partials = ceil_div(target_blocks, t.blocks(s));

    const WindowAxis &rows = s.window.rows, &columns = s.window.columns;
    ConvolutionTiling& c = t.chunk;
    c.first_row = -rows.padding;
    c.first_column = -columns.padding;
    c.pitch = t.strip_width;
    c.tile_columns = (s.y.w - 1) * columns.stride + columns.reach();
    c.rows = ceil_div(s.y.h, ceil_div(pixels, target_pixels));
    c.samples = c.rows < s.y.h ? 1 : (target_pixels + pixels / 2) / pixels;
    c.tile_rows = (c.rows - 1) * rows.stride + rows.reach();
    c.blocks_per_sample = ceil_div(s.y.h, c.rows);
    return t;
  }

  constexpr void set_block_size(const ConvolutionShape& s, int max_inputs, int max_outputs) {
    inputs = smaller(s.group_inputs(), max_inputs);
    outputs = round_up(smaller(s.group_outputs(), max_outputs), NR<Isa>);
    input_blocks = ceil_div(s.group_inputs(), inputs);
    output_blocks = ceil_div(s.group_outputs(), outputs);
  }
  [[nodiscard]] constexpr int blocks(const ConvolutionShape& s) const {
    return s.groups * input_blocks * output_blocks;
  }
  [[nodiscard]] constexpr int partials(const ConvolutionShape& s, int n) const {
    const std::int64_t filled = std::int64_t(n) * s.y.h * s.y.w / min_partial_pixels;
    return filled < 1 ? 1 : filled < max_partials ? static_cast<int>(filled) : max_partials;
  }
  [[nodiscard]] constexpr int strips() const { return ceil_div(inputs, strip_width); }
  [[nodiscard]] constexpr int panels() const { return outputs / NR<Isa>; }
  [[nodiscard]] constexpr std::int64_t strip_floats() const { return (chunk.samples * chunk.tile() + 15) / 16 * 16; }
  [[nodiscard]] constexpr int pixels(const ConvolutionShape& s) const { return chunk.samples * chunk.rows * s.y.w; }
  [[nodiscard]] constexpr std::int64_t panel_floats(const ConvolutionShape& s) const {
    return std::int64_t(pixels(s)) * NR<Isa>;
  }
  /// Rows of a strip's sums, one per (r, s, c), rounded up to whole register tiles.
  [[nodiscard]] constexpr int strip_rows(const ConvolutionShape& s) const {
    return round_up(s.taps() * strip_width, MR<Isa>);
  }
  [[nodiscard]] constexpr std::int64_t sums_floats(const ConvolutionShape& s) const {
    return std::int64_t(panels()) * strips() * strip_rows(s) * NR<Isa>;
  }
  [[nodiscard]] constexpr std::int64_t scratch_floats(const ConvolutionShape& s) const {
    return strips() * strip_floats() + panels() * panel_floats(s) + sums_floats(s) + outputs + round_up(pixels(s), 16);
  }
  [[nodiscard]] constexpr std::int64_t partial_floats(const ConvolutionShape& s) const { return s.weights() + s.y.c; }
};

/// Scratch floats per worker.
template <class Isa>
constexpr std::int64_t direct_weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const ConvolutionShape dense = without_skipped_pixels(s);
  return (DirectWeightGradientTiling<Isa>::of(dense).scratch_floats(dense) + 15) / 16 * 16;
}

/// Workspace floats: the partial sums; 0 if there is only one.
template <class Isa>
constexpr std::int64_t direct_weight_gradient_workspace_floats(const ConvolutionShape& s) {
  const auto t = DirectWeightGradientTiling<Isa>::of(without_skipped_pixels(s));
  return t.max_partials > 1 ? t.max_partials * t.partial_floats(s) : 0;
}

}  // namespace tinycnn::cpu
