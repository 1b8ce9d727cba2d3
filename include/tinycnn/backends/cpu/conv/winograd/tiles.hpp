// Divides images into Winograd tiles, and transforms rows of tiles to spectra.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/input_tile.hpp>
#include <tinycnn/backends/cpu/conv/winograd/transforms.hpp>

namespace tinycnn::cpu {

/// Whether F(4x4, 3x3) can compute a convolution: 3x3, stride 1, dilation 1, one group, padding of at most 2.
constexpr bool winograd_fits(const ConvolutionShape& s) {
  const Window& k = s.window;
  return k.is_square() && k.is_dense() && k.rows.kernel == 3 && k.rows.padding <= 2 && s.groups == 1 && !s.no_winograd;
}

/// The convolution that computes dx from dy: input and output swap places, and the padding is 2 minus that of s.
constexpr ConvolutionShape winograd_transposed(const ConvolutionShape& s) {
  return {s.y, s.x, {3, 1, 2 - s.window.rows.padding, 1}, 1};
}

/// Rows, and columns, of tiles in an image.
constexpr int tile_rows(const ConvolutionShape& s) { return ceil_div(s.y.h, Winograd::tile); }
constexpr int tile_columns(const ConvolutionShape& s, int tile_width = Winograd::tile) {
  return ceil_div(s.y.w, tile_width);
}

/// The spectra of many tiles in memory: point p of tile t, channel c is at data + p point_step + t tile_step +
/// (c / strip) strip_step + c % strip. The channels are padded to a whole register or strip.
struct Spectra {
  float* data = nullptr;
  std::int64_t point_step = 0;
  std::int64_t tile_step = 0;
  std::int64_t strip_step = 0;
  int strip = 1;
  bool past_caches = false;  // written by non-temporal stores, because they are larger than the caches

  [[nodiscard]] float* at(int tile, int c) const {
    return data + tile * tile_step + c / strip * strip_step + c % strip;
  }
};

/// Floats from point to point, for points of `floats` each: never a multiple of 4 KB, which would map all points to the
/// same set of the first-level cache.
constexpr std::int64_t point_step_of(std::int64_t floats) { return (floats + 15) / 16 * 16 + 16; }

/// Channels that are loaded and transformed at a time.
inline constexpr int winograd_strip = 32;

/// Scratch floats for the input tile of one row of tiles, for either tile width: (6, width columns + 2, strip).
constexpr std::int64_t input_row_floats(const ConvolutionShape& s) {
  return std::int64_t{6} * (4 * tile_columns(s) + 2) * winograd_strip;
}

/// Prefetches what transforming tile rows [begin, end) of n samples reads; row i of sample n has index n tile_rows(s) +
/// i. A tile row covers `reach` image rows, starting `offset` from its first output row; channels [c, c + width).
template <class Source>
[[gnu::noinline]] Prefetcher prefetch_rows(const ConvolutionShape& s, const Source& source, const Dims& image, int n,
                                           std::int64_t begin, std::int64_t end, int offset, int reach,
                                           std::int64_t steps, int c, int width) {
  const int all = tile_rows(s);
  if (begin >= end || begin >= std::int64_t(n) * all) return {};
  const auto row = [&](std::int64_t tile_row, int shift) {
    const std::int64_t h = tile_row % all * Winograd::tile + offset + shift;
    return tile_row / all * image.h + (h < 0 ? 0 : h > image.h ? image.h : h);
  };
  const std::int64_t last = end < std::int64_t(n) * all ? end - 1 : std::int64_t(n) * all - 1;
  return source.prefetch(row(begin, 0), row(last, reach), steps, c, width);
}

/// Transforms a row of `columns` tiles, channels [c, c + pitch), from d (6, Width columns + 2, pitch).
template <class Isa, int Width>
[[gnu::noinline]] void transform_input_tiles(const float* d, int pitch, int columns, const Spectra& to, int first_tile,
                                             int c) {
  for (int t = 0; t < columns; ++t, d += std::int64_t(Width) * pitch)
    for (int k = 0; k < pitch; k += Isa::width)
      transform_input_tile<Isa, Width>(d + k, (Width * columns + std::int64_t{2}) * pitch, pitch,
                                       to.at(first_tile + t, c + k), to.point_step, to.past_caches);
}

/// Loads and transforms all channels of one row of tiles of sample n: spectra B^T d B, from tile `first_tile` of `to`
/// on.
template <class Isa, class Source>
[[gnu::noinline]] void transform_input_row(const ConvolutionShape& s, const Source& x, int n, int tile_row, float* tile,
                                           const Spectra& to, int first_tile, int tile_width = Winograd::tile) {
  const int columns = tile_columns(s, tile_width), pixels = tile_width * columns + 2;
  const int padding = s.window.rows.padding;
  const Rectangle rectangle{4 * tile_row - padding, -padding, 6, pixels};
  for (int c = 0; c < s.x.c; c += winograd_strip) {
    const int width = s.x.c - c < winograd_strip ? s.x.c - c : winograd_strip;
    const int pitch = round_up(width, Isa::width);
    if (pitch != width) std::memset(tile, 0, sizeof(float) * std::size_t(6 * pixels) * std::size_t(pitch));
    load_tile<Isa>(tile, pitch, rectangle, s.x, x, n, c, width);
    if (tile_width == Winograd::narrow)
      transform_input_tiles<Isa, Winograd::narrow>(tile, pitch, columns, to, first_tile, c);
    else
      transform_input_tiles<Isa, Winograd::tile>(tile, pitch, columns, to, first_tile, c);
  }
}

}  // namespace tinycnn::cpu
