// The geometry of a convolution pass: forward and input gradient are the same loop with other parameters.
#pragma once

#include <tinycnn/backends/cpu/conv/shape.hpp>
#include <tinycnn/backends/cpu/gemm/micro_kernel.hpp>

namespace tinycnn::cpu {

/// Output pixel h = phase + phases * i reads, for tap t, input row step * i + offset(phase, t); columns alike.
/// Forward: one phase, step = stride. Input gradient: one phase per residue of h modulo the stride, step = 1, and only
/// the taps that meet that residue. Taps are numbered so that offsets ascend.
struct ConvolutionGeometry {
  Dims in;
  Dims out;
  int groups = 1;
  int kernel = 1;
  int dilation = 1;
  int step = 1;
  int phases = 1;
  int base = 0;

  [[nodiscard]] constexpr int inputs() const { return in.c / groups; }
  [[nodiscard]] constexpr int outputs() const { return out.c / groups; }
  [[nodiscard]] constexpr bool meets(int phase, int tap) const { return (phase + base + tap * dilation) % phases == 0; }
  [[nodiscard]] constexpr int offset(int phase, int tap) const { return (phase + base + tap * dilation) / phases; }
  [[nodiscard]] constexpr int extent(int size, int phase) const { return ceil_div(size - phase, phases); }

  /// The smallest (sign = 1) or largest (sign = -1) offset of any phase and tap.
  [[nodiscard]] constexpr int extreme_offset(int sign) const {
    int best = 0;
    bool found = false;
    for (int phase = 0; phase < phases; ++phase)
      for (int tap = 0; tap < kernel; ++tap)
        if (meets(phase, tap) && (!found || sign * offset(phase, tap) < sign * best)) {
          best = offset(phase, tap);
          found = true;
        }
    return best;
  }
};

constexpr ConvolutionGeometry forward_geometry(const ConvolutionShape& s) {
  return {s.x, s.y, s.groups, s.window.kernel, s.window.dilation, s.window.stride, 1, -s.window.padding};
}

constexpr ConvolutionGeometry input_gradient_geometry(const ConvolutionShape& s) {
  return {s.y,
          s.x,
          s.groups,
          s.window.kernel,
          s.window.dilation,
          1,
          s.window.stride,
          s.window.padding - s.window.dilation * (s.window.kernel - 1)};
}

/// How a pass is tiled: a block is some whole samples, or some rows of one sample. It depends on the shape alone, so
/// partial sums that belong to a block are the same on any number of threads.
struct ConvolutionTiling {
  static constexpr int pixels_wanted = 256;       // that share one pass over the weights
  static constexpr long tile_wanted = 128 << 10;  // floats; half of a small second-level cache
  static constexpr int depth_wanted = 2048;       // steps of one pass: 256 KB of weights

  int samples = 1;
  int rows = 1;  // of each phase
  int blocks_per_sample = 1;
  int tile_rows = 1;
  int tile_columns = 1;
  int pitch = 1;  // floats from pixel to pixel of the tile
  int first_offset = 0;

  [[nodiscard]] constexpr long tile() const { return long(tile_rows) * tile_columns * pitch; }  // floats, one sample

  /// `row_multiple`: blocks start at multiples of it (a pooling window's height).
  [[gnu::noinline]] static constexpr ConvolutionTiling of(const ConvolutionGeometry& s, int row_multiple = 1) {
    ConvolutionTiling b;
    const int all_rows = s.extent(s.out.h, 0);
    const int columns = s.extent(s.out.w, 0);
    const int span = s.extreme_offset(-1) - s.extreme_offset(1);
    b.first_offset = s.extreme_offset(1);
    // Neighbouring pixels a multiple of 4 KB apart would fall into one set of the first-level cache.
    b.pitch = s.inputs() + (s.step * s.inputs() % 1024 == 0 ? 16 : 0);
    b.tile_columns = (columns - 1) * s.step + span + 1;
    const auto rows_of = [&](int each) { return (each - 1) * s.step + span + 1; };
    const int wanted = pixels_wanted / (columns * s.phases * s.phases);
    b.rows = round_up(wanted > 1 ? wanted : 1, row_multiple);
    while (b.rows > row_multiple && long(rows_of(b.rows)) * b.tile_columns * b.pitch > tile_wanted)
      b.rows -= row_multiple;
    if (b.rows >= all_rows) {
      b.rows = all_rows;
      b.tile_rows = rows_of(b.rows);
      const int fitting = static_cast<int>(tile_wanted / b.tile());
      const int useful = wanted / all_rows;
      b.samples = fitting < useful ? fitting : useful;
      if (b.samples < 1) b.samples = 1;
    }
    b.tile_rows = rows_of(b.rows);
    b.blocks_per_sample = ceil_div(all_rows, b.rows);
    return b;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return ceil_div(n, samples) * blocks_per_sample; }

  template <class Isa>
  [[nodiscard]] constexpr long output_tile_floats(const ConvolutionGeometry& s) const {
    return long(round_up(samples * rows * s.extent(s.out.w, 0), MR<Isa>)) * NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr long scratch_floats(const ConvolutionGeometry& s) const {
    return (samples * tile() + 15) / 16 * 16 + output_tile_floats<Isa>(s);
  }
};

/// Packed weights: [group][panel of NR outputs][tap][input][NR], zero beyond the last output.
template <class Isa>
constexpr long packed_floats(const ConvolutionGeometry& s) {
  return long(s.groups) * round_up(s.outputs(), NR<Isa>) * s.kernel * s.kernel * s.inputs();
}

/// Calls f(depth, first) for consecutive chunks of the taps and channels that a phase's pixels sum over, at least once.
/// Offsets are relative to the pixel's first tile element and to the panel of packed weights.
template <class Isa, class F>
void for_each_depth(const ConvolutionGeometry& s, const ConvolutionTiling& tiling, int phase_h, int phase_w, F&& f) {
  const int inputs = s.inputs();
  int taps_h = 0;
  int taps_w = 0;
  for (int t = 0; t < s.kernel; ++t) {
    taps_h += s.meets(phase_h, t);
    taps_w += s.meets(phase_w, t);
  }
  const int total = taps_h * taps_w * inputs;
  const int limit = ceil_div(total, total > 0 ? ceil_div(total, ConvolutionTiling::depth_wanted) : 1);
  Depth depth;
  int steps = 0;
  bool first = true;
  const auto flush = [&]() __attribute__((noinline)) {  // f stands here once
    f(static_cast<const Depth&>(depth), first);
    first = false;
    depth.clear();
    steps = 0;
  };
  for (int t = 0; t < s.kernel; ++t)
    for (int u = 0; u < s.kernel; ++u) {
      if (!s.meets(phase_h, t) || !s.meets(phase_w, u)) continue;
      long a = (long(s.offset(phase_h, t) - tiling.first_offset) * tiling.tile_columns +
                (s.offset(phase_w, u) - tiling.first_offset)) *
               tiling.pitch;
      long b = long(t * s.kernel + u) * inputs * NR<Isa>;
      for (int left = inputs; left > 0;) {
        if (steps == limit) flush();
        const int take = left < limit - steps ? left : limit - steps;
        Depth::Segment* last = depth.segments > 0 ? &depth.segment[depth.segments - 1] : nullptr;
        if (last != nullptr && last->a + last->length == a && last->b + last->length * NR<Isa> == b) {
          last->length += take;
        } else {
          if (depth.segments == Depth::capacity) flush();
          depth.add(a, b, take);
        }
        steps += take;
        left -= take;
        a += take;
        b += long(take) * NR<Isa>;
      }
    }
  if (steps > 0 || first) flush();
}

}  // namespace tinycnn::cpu
