// How Winograd's weight gradient is tiled, and the memory it needs.
#pragma once

#include <tinycnn/backends/cpu/conv/winograd/tiles.hpp>

namespace tinycnn::cpu {

/// Two schedules, chosen by the size of the spectrum of dw. Streamed: the batch is cut into a fixed number of shares,
/// each with a partial spectrum of its own that stays in the caches while small chunks of tiles are transformed and
/// multiplied. Staged: that spectrum is larger than the caches, so a large chunk of the batch is transformed first, and
/// then multiplied point by point.
template <class Isa>
struct WinogradWeightGradientTiling {
  static constexpr int strip = 16;                   // channels of x side by side: a cache line a tile
  static constexpr long streamed_most = 2L << 20;    // floats of a spectrum of dw
  static constexpr long partials_floats = 4L << 20;  // of all partial spectra together, if they can be few enough
  static constexpr int most_partials = 8;
  static constexpr int streamed_chunk_tiles = 48;
  static constexpr int staged_chunk_tiles = 256;

  bool streamed = true;
  int partials = 1;
  int row_tiles = 1;
  int rows = 1;  // of tiles, of one chunk; they run on from sample to sample

  [[gnu::noinline]] static constexpr WinogradWeightGradientTiling of(const ConvolutionShape& s) {
    WinogradWeightGradientTiling b;
    b.row_tiles = tile_columns(s);
    const long floats = b.spectrum_floats(s);
    b.streamed = floats <= streamed_most;
    if (b.streamed) {
      b.partials = most_partials;
      while (b.partials > 2 && b.partials * floats > partials_floats) b.partials /= 2;
    }
    const int rows = (b.streamed ? streamed_chunk_tiles : staged_chunk_tiles) / b.row_tiles;
    b.rows = rows > 1 ? rows : 1;
    return b;
  }

  [[nodiscard]] constexpr int tiles() const { return rows * row_tiles; }
  [[nodiscard]] constexpr int panels(const ConvolutionShape& s) const { return ceil_div(s.y.c, NR<Isa>); }
  [[nodiscard]] constexpr int chunks(const ConvolutionShape& s, int n) const {
    return static_cast<int>((long(n) * tile_rows(s) + rows - 1) / rows);
  }
  /// Spectrum of dw: [point][panel][C rounded up to MR][NR].
  [[nodiscard]] constexpr long panel_floats(const ConvolutionShape& s) const {
    return long(round_up(s.x.c, MR<Isa>)) * NR<Isa>;
  }
  [[nodiscard]] constexpr long spectrum_step(const ConvolutionShape& s) const {
    return point_step_of(panels(s) * panel_floats(s));
  }
  [[nodiscard]] constexpr long spectrum_floats(const ConvolutionShape& s) const {
    return Winograd::points * spectrum_step(s);
  }
  /// Sums of dy, one row per partial sum, or per row of tiles of a staged chunk.
  [[nodiscard]] constexpr int bias_rows() const { return streamed ? partials : rows; }
  [[nodiscard]] constexpr long bias_floats(const ConvolutionShape& s) const { return long(panels(s)) * NR<Isa>; }

  /// Spectra of x: [point][strip][tile][strip]; of dy: [point][panel][tile][NR], where panels are streamed of one at a
  /// time, so that it stays in the caches.
  [[nodiscard]] constexpr Spectra x_spectra(const ConvolutionShape& s, float* data) const {
    const long step = long(tiles()) * strip;
    return {data, point_step_of(ceil_div(s.x.c, strip) * step), strip, step, strip, !streamed};
  }
  [[nodiscard]] constexpr Spectra dy_spectra(const ConvolutionShape& s, float* data) const {
    const long step = long(tiles()) * NR<Isa>;
    return {data, point_step_of((streamed ? 1 : panels(s)) * step), NR<Isa>, streamed ? 0 : step, NR<Isa>, !streamed};
  }
  [[nodiscard]] constexpr long x_floats(const ConvolutionShape& s) const {
    return Winograd::points * x_spectra(s, nullptr).point_step;
  }
  [[nodiscard]] constexpr long dy_floats(const ConvolutionShape& s) const {
    return Winograd::points * dy_spectra(s, nullptr).point_step;
  }
};

/// Per worker.
template <class Isa>
constexpr long winograd_weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const auto b = WinogradWeightGradientTiling<Isa>::of(s);
  return input_row_floats(s) + (b.streamed ? b.x_floats(s) + b.dy_floats(s) : 0);
}

/// Shared by all workers.
template <class Isa>
constexpr long winograd_weight_gradient_shared_floats(const ConvolutionShape& s) {
  const auto b = WinogradWeightGradientTiling<Isa>::of(s);
  return b.partials * b.spectrum_floats(s) + b.bias_rows() * b.bias_floats(s) +
         (b.streamed ? 0 : b.x_floats(s) + b.dy_floats(s));
}

}  // namespace tinycnn::cpu
