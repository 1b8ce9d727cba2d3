// The tiling of Winograd's weight gradient, and the memory it needs.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/winograd/tiles.hpp>

namespace tinycnn::cpu {

/// One of two schedules, chosen by the size of dw's spectra. Interleaved: dw's spectra stay in the caches. The batch's
/// chunks, of few tiles, are divided among a fixed number of partial sums; a task transforms a chunk, multiplies it and
/// goes on to the next. Staged: dw's spectra are larger than the caches, so all tasks transform a large chunk of the
/// batch first and then multiply it, point by point.
template <class Isa>
struct WinogradWeightGradientTiling {
  static constexpr int strip = 16;  // channels of x stored together: one cache line per tile
  static constexpr std::int64_t max_interleaved_floats = std::int64_t{2} << 20;  // of dw's spectra
  static constexpr std::int64_t max_partials_floats = std::int64_t{4}
                                                      << 20;  // of all partial sums together; there are at least two
  static constexpr int max_partials = 8;
  static constexpr int interleaved_chunk_tiles = 48;
  static constexpr int staged_chunk_tiles = 256;

  bool interleaved = true;
  int partials = 1;
  int tiles_per_row = 1;
  int rows = 1;  // of tiles, per chunk; a chunk may extend over several samples

  [[gnu::noinline]] static constexpr WinogradWeightGradientTiling of(const ConvolutionShape& s) {
    WinogradWeightGradientTiling tiling;
    tiling.tiles_per_row = tile_columns(s);
    const std::int64_t floats = tiling.spectrum_floats(s);
    tiling.interleaved = floats <= max_interleaved_floats;
    if (tiling.interleaved) {
      tiling.partials = max_partials;
      while (tiling.partials > 2 && tiling.partials * floats > max_partials_floats) tiling.partials /= 2;
    }
    const int rows = (tiling.interleaved ? interleaved_chunk_tiles : staged_chunk_tiles) / tiling.tiles_per_row;
    tiling.rows = rows > 1 ? rows : 1;
    return tiling;
  }

  [[nodiscard]] constexpr int tiles() const { return rows * tiles_per_row; }
  [[nodiscard]] constexpr int panels(const ConvolutionShape& s) const { return ceil_div(s.y.c, NR<Isa>); }
  [[nodiscard]] constexpr int chunks(const ConvolutionShape& s, int n) const {
    return static_cast<int>((std::int64_t(n) * tile_rows(s) + rows - 1) / rows);
  }
  /// The spectra of dw: [point][panel][C rounded up to MR][NR].
  [[nodiscard]] constexpr std::int64_t panel_floats(const ConvolutionShape& s) const {
    return std::int64_t(round_up(s.x.c, MR<Isa>)) * NR<Isa>;
  }
  [[nodiscard]] constexpr std::int64_t spectrum_step(const ConvolutionShape& s) const {
    return point_step_of(panels(s) * panel_floats(s));
  }
  [[nodiscard]] constexpr std::int64_t spectrum_floats(const ConvolutionShape& s) const {
    return Winograd::points * spectrum_step(s);
  }
  /// Rows of sums of dy, for db: one per partial sum (interleaved), or one per row of tiles of a chunk (staged).
  [[nodiscard]] constexpr int bias_rows() const { return interleaved ? partials : rows; }
  [[nodiscard]] constexpr std::int64_t bias_floats(const ConvolutionShape& s) const {
    return std::int64_t(panels(s)) * NR<Isa>;
  }

  /// The spectra of x: [point][strip][tile][strip]; those of dy: [point][panel][tile][NR], with one panel at a time in
  /// the interleaved schedule, so that they stay in the caches.
  [[nodiscard]] constexpr Spectra x_spectra(const ConvolutionShape& s, float* data) const {
    const std::int64_t step = std::int64_t(tiles()) * strip;
    return {data, point_step_of(ceil_div(s.x.c, strip) * step), strip, step, strip, !interleaved};
  }
  [[nodiscard]] constexpr Spectra dy_spectra(const ConvolutionShape& s, float* data) const {
    const std::int64_t step = std::int64_t(tiles()) * NR<Isa>;
    return {data,        point_step_of((interleaved ? 1 : panels(s)) * step), NR<Isa>, interleaved ? 0 : step, NR<Isa>,
            !interleaved};
  }
  [[nodiscard]] constexpr std::int64_t x_floats(const ConvolutionShape& s) const {
    return Winograd::points * x_spectra(s, nullptr).point_step;
  }
  [[nodiscard]] constexpr std::int64_t dy_floats(const ConvolutionShape& s) const {
    return Winograd::points * dy_spectra(s, nullptr).point_step;
  }
};

/// Scratch floats per worker.
template <class Isa>
constexpr std::int64_t winograd_weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const auto tiling = WinogradWeightGradientTiling<Isa>::of(s);
  return input_row_floats(s) + (tiling.interleaved ? tiling.x_floats(s) + tiling.dy_floats(s) : 0);
}

/// Workspace floats.
template <class Isa>
constexpr std::int64_t winograd_weight_gradient_workspace_floats(const ConvolutionShape& s) {
  const auto tiling = WinogradWeightGradientTiling<Isa>::of(s);
  return tiling.partials * tiling.spectrum_floats(s) + tiling.bias_rows() * tiling.bias_floats(s) +
         (tiling.interleaved ? 0 : tiling.x_floats(s) + tiling.dy_floats(s));
}

}  // namespace tinycnn::cpu
