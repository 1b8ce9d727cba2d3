// Images as rows of Winograd tiles: loading a row through its source and turning it into spectra.
#pragma once

#include <tinycnn/backends/cpu/conv/input_tile.hpp>
#include <tinycnn/backends/cpu/conv/winograd/transforms.hpp>

namespace tinycnn::cpu {

/// What F(4x4, 3x3) computes: 3x3, stride 1, dilation 1, one group, no more padding than the window.
constexpr bool winograd_fits(const ConvolutionShape& s) {
  const Window& k = s.window;
  return k.kernel == 3 && k.stride == 1 && k.dilation == 1 && k.padding <= 2 && s.groups == 1 && !s.no_winograd;
}

/// The convolution of dy whose result is dx: channels change places, and so does what the padding leaves out.
constexpr ConvolutionShape winograd_transposed(const ConvolutionShape& s) {
  return {s.y, s.x, {3, 1, 2 - s.window.padding, 1}, 1};
}

constexpr int tile_rows(const ConvolutionShape& s) { return ceil_div(s.y.h, Winograd::tile); }
constexpr int tile_columns(const ConvolutionShape& s, int tile_width = Winograd::tile) {
  return ceil_div(s.y.w, tile_width);
}

/// Where spectra lie: point p of tile t, channel c at data + p point_step + t tile_step + (c / strip) strip_step +
/// c % strip. Room for channels is rounded up to the register or the strip.
struct Spectra {
  float* data = nullptr;
  long point_step = 0;
  long tile_step = 0;
  long strip_step = 0;
  int strip = 1;
  bool past_caches = false;  // written so: larger than they are

  [[nodiscard]] float* at(int tile, int c) const {
    return data + tile * tile_step + c / strip * strip_step + c % strip;
  }
};

/// Floats from point to point of `floats` each: never a multiple of 4 KB, which would put all points into one set of
/// the first-level cache.
constexpr long point_step_of(long floats) { return (floats + 15) / 16 * 16 + 16; }

/// Channels brought in at a time.
inline constexpr int winograd_strip = 32;

/// Scratch floats for one row of tiles of x, whatever their width: (6, width columns + 2, strip).
constexpr long input_row_floats(const ConvolutionShape& s) { return 6L * (4 * tile_columns(s) + 2) * winograd_strip; }

/// Prefetches what transforming tile rows [begin, end) of n samples will read, counted on from sample to sample;
/// `reach` image rows of each, from `offset` on; channels [c, c + width) of them.
template <class Source>
[[gnu::noinline]] Prefetcher prefetch_rows(const ConvolutionShape& s, const Source& source, const Dims& image, int n,
                                           long begin, long end, int offset, int reach, long steps, int c, int width) {
  const int all = tile_rows(s);
  if (begin >= end || begin >= long(n) * all) return {};
  const auto row = [&](long tile_row, int shift) {
    const long h = tile_row % all * Winograd::tile + offset + shift;
    return tile_row / all * image.h + (h < 0 ? 0 : h > image.h ? image.h : h);
  };
  const long last = end < long(n) * all ? end - 1 : long(n) * all - 1;
  return source.prefetch(row(begin, 0), row(last, reach), steps, c, width);
}

/// Spectra of a row of `columns` tiles, channels [c, c + pitch), from d (6, Width columns + 2, pitch).
template <class Isa, int Width>
[[gnu::noinline]] void transform_input_tiles(const float* d, int pitch, int columns, const Spectra& to, int first_tile,
                                             int c) {
  for (int t = 0; t < columns; ++t, d += long(Width) * pitch)
    for (int k = 0; k < pitch; k += Isa::width)
      transform_input_tile<Isa, Width>(d + k, (Width * columns + 2L) * pitch, pitch, to.at(first_tile + t, c + k),
                                       to.point_step, to.past_caches);
}

/// Spectra B^T d B of one row of tiles of sample n, all channels, to tiles first_tile, first_tile + 1, ...
template <class Isa, class Source>
[[gnu::noinline]] void transform_input_row(const ConvolutionShape& s, const Source& x, int n, int tile_row, float* tile,
                                           const Spectra& to, int first_tile, int tile_width = Winograd::tile) {
  const int columns = tile_columns(s, tile_width), pixels = tile_width * columns + 2;
  const Rectangle rectangle{4 * tile_row - s.window.padding, -s.window.padding, 6, pixels};
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
