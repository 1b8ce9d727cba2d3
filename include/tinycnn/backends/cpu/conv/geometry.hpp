// The geometry and the tiling of a convolution pass: forward and input gradient are the same loop with other
// parameters.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/shape.hpp>
#include <tinycnn/backends/cpu/gemm/micro_kernel.hpp>

namespace tinycnn::cpu {

/// Which input pixels an output pixel reads along one axis. For tap t, output pixel phase + phases * i reads input
/// pixel step * i + offset(phase, t). Forward: one phase, step = stride. Input gradient (with dy as the input): one
/// phase per residue of the output pixel modulo the stride, step = 1, and only the taps that meet that residue. Taps
/// are numbered such that offsets ascend.
struct GeometryAxis {
  int kernel = 1;
  int dilation = 1;
  int step = 1;
  int phases = 1;
  int base = 0;

  [[nodiscard]] constexpr bool meets(int phase, int tap) const { return (phase + base + tap * dilation) % phases == 0; }
  [[nodiscard]] constexpr int offset(int phase, int tap) const { return (phase + base + tap * dilation) / phases; }
  [[nodiscard]] constexpr int extent(int size, int phase) const { return ceil_div(size - phase, phases); }

  /// The smallest (sign = 1) or largest (sign = -1) offset of any phase and tap.
  [[nodiscard, gnu::noinline]] constexpr int extreme_offset(int sign) const {
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
  /// The distance from the smallest to the largest offset.
  [[nodiscard]] constexpr int span() const { return extreme_offset(-1) - extreme_offset(1); }
};

/// Which input pixels an output pixel reads.
struct ConvolutionGeometry {
  Dims in;
  Dims out;
  int groups = 1;
  GeometryAxis rows;
  GeometryAxis columns;

  [[nodiscard]] constexpr int inputs() const { return in.c / groups; }
  [[nodiscard]] constexpr int outputs() const { return out.c / groups; }
  [[nodiscard]] constexpr int taps() const { return rows.kernel * columns.kernel; }
  [[nodiscard]] constexpr int phases() const { return rows.phases * columns.phases; }
  /// Output rows, and columns, of a phase.
  [[nodiscard]] constexpr int phase_rows(int phase) const { return rows.extent(out.h, phase); }
  [[nodiscard]] constexpr int phase_columns(int phase) const { return columns.extent(out.w, phase); }
  /// Whether it reads neighbouring pixels, and the next output pixel the next ones.
  [[nodiscard]] constexpr bool is_dense() const {
    return rows.dilation == 1 && rows.step == 1 && rows.phases == 1 && columns.dilation == 1 && columns.step == 1 &&
           columns.phases == 1;
  }
};

constexpr GeometryAxis forward_axis(const WindowAxis& k) {
  return {.kernel = k.kernel, .dilation = k.dilation, .step = k.stride, .base = -k.padding};
}
constexpr ConvolutionGeometry forward_geometry(const ConvolutionShape& s) {
  return {s.x, s.y, s.groups, forward_axis(s.window.rows), forward_axis(s.window.columns)};
}

constexpr GeometryAxis input_gradient_axis(const WindowAxis& k) {
  return {
      .kernel = k.kernel, .dilation = k.dilation, .phases = k.stride, .base = k.padding - k.dilation * (k.kernel - 1)};
}
constexpr ConvolutionGeometry input_gradient_geometry(const ConvolutionShape& s) {
  return {s.y, s.x, s.groups, input_gradient_axis(s.window.rows), input_gradient_axis(s.window.columns)};
}

/// How a pass is tiled. A block is one or more whole samples, or some rows of one sample; it depends on the shape
/// alone, so a block's partial sums are the same on any number of threads. Its input tile is the rectangle of the input
/// that it reads.
struct ConvolutionTiling {
  static constexpr int target_pixels = 256;                      // per block: they share one pass over the weights
  static constexpr std::int64_t target_tile_floats = 128 << 10;  // of an input tile: half of a small second-level cache
  static constexpr int max_depth = 2048;                         // of one product: 256 KB of weights

  int samples = 1;  // per block
  int rows = 1;     // per block, of each phase
  int blocks_per_sample = 1;
  int tile_rows = 1;     // of the input tile
  int tile_columns = 1;  // of the input tile
  int pitch = 1;         // floats from pixel to pixel of the input tile
  int first_row = 0;     // of the input tile: the smallest offset of any tap
  int first_column = 0;  // the same for its first column

  /// Floats of one sample's input tile.
  [[nodiscard]] constexpr std::int64_t tile() const { return std::int64_t(tile_rows) * tile_columns * pitch; }

  /// `row_multiple`: a block's first row is a multiple of it (the height of a pooling window).
  [[gnu::noinline]] static constexpr ConvolutionTiling of(const ConvolutionGeometry& g, int row_multiple = 1) {
    ConvolutionTiling t;
    const int all_rows = g.phase_rows(0);
    const int columns = g.phase_columns(0);
    const int span = g.rows.span();
    t.first_row = g.rows.extreme_offset(1);
    t.first_column = g.columns.extreme_offset(1);
    // Pixels a multiple of 4 KB apart would map to the same set of the first-level cache.
    t.pitch = g.inputs() + (g.columns.step * g.inputs() % 1024 == 0 ? 16 : 0);
    t.tile_columns = (columns - 1) * g.columns.step + g.columns.span() + 1;
    const auto rows_of = [&](int each) { return (each - 1) * g.rows.step + span + 1; };
    const int wanted = target_pixels / (columns * g.phases());
    t.rows = round_up(wanted > 1 ? wanted : 1, row_multiple);
    while (t.rows > row_multiple && std::int64_t(rows_of(t.rows)) * t.tile_columns * t.pitch > target_tile_floats)
      t.rows -= row_multiple;
    if (t.rows >= all_rows) {
      t.rows = all_rows;
      t.tile_rows = rows_of(t.rows);
      const int fitting = static_cast<int>(target_tile_floats / t.tile());
      const int useful = wanted / all_rows;
      t.samples = fitting < useful ? fitting : useful;
      if (t.samples < 1) t.samples = 1;
    }
    t.tile_rows = rows_of(t.rows);
    t.blocks_per_sample = ceil_div(all_rows, t.rows);
    return t;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return ceil_div(n, samples) * blocks_per_sample; }

  template <class Isa>
  [[nodiscard]] constexpr std::int64_t output_tile_floats(const ConvolutionGeometry& g) const {
    return std::int64_t(round_up(samples * rows * g.phase_columns(0), MR<Isa>)) * NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t scratch_floats(const ConvolutionGeometry& g) const {
    return (samples * tile() + 15) / 16 * 16 + output_tile_floats<Isa>(g);
  }
};

/// Floats of the packed weights: [group][panel of NR outputs][tap][input][NR], zero beyond the last output.
template <class Isa>
constexpr std::int64_t packed_floats(const ConvolutionGeometry& g) {
  return std::int64_t(g.groups) * round_up(g.outputs(), NR<Isa>) * g.taps() * g.inputs();
}

/// Calls f(depth, first) for consecutive chunks of the depth (the taps and channels that a phase's pixels sum over), at
/// least once. Offsets are relative to the first element of the pixel in the input tile, and to the weight panel.
template <class Isa, class F>
void for_each_depth(const ConvolutionGeometry& g, const ConvolutionTiling& tiling, int phase_h, int phase_w, F&& f) {
  const int inputs = g.inputs();
  int taps_h = 0;
  int taps_w = 0;
  for (int t = 0; t < g.rows.kernel; ++t) taps_h += g.rows.meets(phase_h, t);
  for (int u = 0; u < g.columns.kernel; ++u) taps_w += g.columns.meets(phase_w, u);
  const int total = taps_h * taps_w * inputs;
  const int limit = ceil_div(total, total > 0 ? ceil_div(total, ConvolutionTiling::max_depth) : 1);
  Depth depth;
  int steps = 0;
  bool first = true;
  const auto flush = [&]() __attribute__((noinline)) {  // so that f is inlined only once
    f(static_cast<const Depth&>(depth), first);
    first = false;
    depth.clear();
    steps = 0;
  };
  for (int t = 0; t < g.rows.kernel; ++t)
    for (int u = 0; u < g.columns.kernel; ++u) {
      if (!g.rows.meets(phase_h, t) || !g.columns.meets(phase_w, u)) continue;
      std::int64_t a = (std::int64_t(g.rows.offset(phase_h, t) - tiling.first_row) * tiling.tile_columns +
                        (g.columns.offset(phase_w, u) - tiling.first_column)) *
                       tiling.pitch;
      std::int64_t b = std::int64_t(t * g.columns.kernel + u) * inputs * NR<Isa>;
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
        b += std::int64_t(take) * NR<Isa>;
      }
    }
  if (steps > 0 || first) flush();
}

}  // namespace tinycnn::cpu
