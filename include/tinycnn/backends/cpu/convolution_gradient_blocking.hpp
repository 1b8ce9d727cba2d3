// How the direct convolution's weight gradient is cut: units of weights and parts of the batch, gone through in chunks.
#pragma once

#include <tinycnn/backends/cpu/convolution_sweep.hpp>

namespace tinycnn::cpu {

/// A unit is a range of inputs by a range of outputs (of one group) by a fixed part of the batch. It keeps its sums in
/// scratch and goes through its part in chunks of pixels. Where there are few units of weights the batch is cut into
/// parts, each with sums of its own, which are added in order at the end. The shape and n alone decide all of it.
template <class Isa>
struct WeightGradientBlocking {
  static constexpr int strip = 16;           // channels side by side in the tile of x: a cache line a pixel
  static constexpr int pixels_wanted = 128;  // of a chunk: a strip of x and a panel of dy fit the first-level cache
  static constexpr int units_wanted = 16;
  static constexpr int part_pixels = 1024;  // below it, adding the parts costs more than it helps
  static constexpr int samples_usual = 64;

  int inputs = 1;   // of a unit
  int outputs = 1;  // of a unit
  int strip_width = 1;
  int input_ranges = 1;
  int output_ranges = 1;
  int parts_most = 1;
  SweepBlocking chunk;

  [[gnu::noinline]] static constexpr WeightGradientBlocking of(const ConvolutionShape& s) {
    WeightGradientBlocking b;
    const int pixels = s.y.h * s.y.w;
    const long usual_parts = 1 + long(samples_usual) * pixels / part_pixels;
    // Every input is copied once for each range of outputs and the other way round, so ranges are as wide as the
    // second-level cache has room for sums.
    b.set_ranges(s, s.taps() > 1 ? 64 : 256, s.taps() > 1 ? 128 : 256);
    while (b.inputs > 64 && b.units(s) * usual_parts < units_wanted) b.set_ranges(s, b.inputs / 2, b.outputs / 2);
    b.strip_width = smaller(b.inputs, strip);
    b.parts_most = ceil_div(units_wanted, b.units(s));

    const Sweep sweep = forward_sweep(s);
    SweepBlocking& c = b.chunk;
    const int reach = s.window.reach();
    c.first_offset = -s.window.padding;
    c.pitch = b.strip_width;
    c.tile_columns = (s.y.w - 1) * sweep.step + reach;
    c.rows = ceil_div(s.y.h, ceil_div(pixels, pixels_wanted));
    c.samples = c.rows < s.y.h ? 1 : (pixels_wanted + pixels / 2) / pixels;
    c.tile_rows = (c.rows - 1) * sweep.step + reach;
    c.bands = ceil_div(s.y.h, c.rows);
    return b;
  }

  constexpr void set_ranges(const ConvolutionShape& s, int inputs_wanted, int outputs_wanted) {
    inputs = smaller(s.group_inputs(), inputs_wanted);
    outputs = round_up(smaller(s.group_outputs(), outputs_wanted), NR<Isa>);
    input_ranges = ceil_div(s.group_inputs(), inputs);
    output_ranges = ceil_div(s.group_outputs(), outputs);
  }
  [[nodiscard]] constexpr int units(const ConvolutionShape& s) const { return s.groups * input_ranges * output_ranges; }
  [[nodiscard]] constexpr int parts(const ConvolutionShape& s, int n) const {
    const long filled = long(n) * s.y.h * s.y.w / part_pixels;
    return filled < 1 ? 1 : filled < parts_most ? static_cast<int>(filled) : parts_most;
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
  [[nodiscard]] constexpr long part_floats(const ConvolutionShape& s) const { return s.weights() + s.y.c; }
};

/// Per worker.
template <class Isa>
constexpr long weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const ConvolutionShape dense = without_unread(s);
  return (WeightGradientBlocking<Isa>::of(dense).scratch_floats(dense) + 15) / 16 * 16;
}

/// Shared by all workers: the parts' sums; 0 where there is one part.
template <class Isa>
constexpr long weight_gradient_shared_floats(const ConvolutionShape& s) {
  const auto b = WeightGradientBlocking<Isa>::of(without_unread(s));
  return b.parts_most > 1 ? b.parts_most * b.part_floats(s) : 0;
}

}  // namespace tinycnn::cpu
