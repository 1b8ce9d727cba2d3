// The tiling of a depthwise convolution's weight gradient, and the memory it needs.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/depthwise/input_rows.hpp>

namespace tinycnn::cpu {

/// The blocks are divided among a fixed number of partial sums, which are added in order at the end.
struct DepthwiseWeightGradientTiling {
  static constexpr int partials = 16;
  static constexpr int tile_taps = 9;
  DepthwiseTiling x;
  bool row_pairs = false;  // register tiles have two rows: 3x3, stride 1, dilation 1, padding of at most 1

  static constexpr DepthwiseWeightGradientTiling of(const ConvolutionShape& s) {
    const WindowAxis& k = s.window.columns;
    return {DepthwiseTiling::of(forward_geometry(s)),
            k.kernel == 3 && s.window.is_dense() && k.padding <= 1 && k.symmetric() && s.x.w > 1};
  }
  [[nodiscard]] constexpr int border_cost() const { return row_pairs ? 1 : 16; }
  /// The steps over which to prefetch the next chunk.
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t steps(int panels, int rows) const {
    const std::int64_t registers = std::int64_t(panels) * (NR<Isa> / Isa::width);
    if (row_pairs) return registers * ceil_div(x.g.out.w, tile_columns_3x3<Isa>);
    return registers * rows * ceil_div(x.g.out.w, 8) * ceil_div(x.g.taps(), tile_taps);
  }
  /// Columns per register tile of two rows. All channels of these columns come before the next ones, nearly in the
  /// order of memory.
  template <class Isa>
  static constexpr int tile_columns_3x3 = Isa::width == 16 ? 4 : 2;
  /// Rows of a panel's sums: one per tap, one for the bias, and one for sums that are not used.
  [[nodiscard]] constexpr int rows() const { return x.g.taps() + 2; }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t dy_floats() const {
    return std::int64_t(x.chunk_rows) * x.g.out.w * x.pitch<Isa>();
  }
  /// Zeros, read in place of a row outside the image.
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t zero_floats() const {
    return (tile_columns_3x3<Isa> + std::int64_t{2}) * x.pitch<Isa>();
  }
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t sums_floats() const {
    return std::int64_t(rows()) * x.panels<Isa>() * NR<Isa>;
  }
};

/// Scratch floats per worker.
template <class Isa>
constexpr std::int64_t depthwise_weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const auto tiling = DepthwiseWeightGradientTiling::of(s);
  return tiling.x.ring_floats<Isa>() + tiling.dy_floats<Isa>() + tiling.sums_floats<Isa>() + tiling.zero_floats<Isa>();
}

/// Workspace floats.
constexpr std::int64_t depthwise_weight_gradient_workspace_floats(const ConvolutionShape& s) {
  return DepthwiseWeightGradientTiling::partials * (s.weights() + s.y.c);
}

}  // namespace tinycnn::cpu
