// Transforms weights to Winograd spectra, U = G w G^T, and packs them for the micro-kernel.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/winograd/tiles.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// Floats of one panel of NR outputs: [point][input][NR].
template <class Isa>
constexpr std::int64_t winograd_panel_floats(const ConvolutionShape& s, int tile_width = Winograd::tile) {
  return std::int64_t(Winograd::points_of(tile_width)) * s.x.c * NR<Isa>;
}

/// Floats of the packed weights: [panel][point][input][NR], zero beyond the last output.
template <class Isa>
constexpr std::int64_t winograd_packed_floats(const ConvolutionShape& s, int tile_width = Winograd::tile) {
  return ceil_div(s.y.c, NR<Isa>) * winograd_panel_floats<Isa>(s, tile_width);
}

/// to[point][NR] = the spectra of one input's weights w (tap,NR), `step` floats from tap to tap; if `rotated`, of w
/// rotated by 180 degrees.
template <class Isa, int Width>
[[gnu::noinline]] void transform_weights(const float* w, std::int64_t step, bool rotated, float* to,
                                         std::int64_t point_step) {
  if (rotated) w += 8 * step, step = -step;
  for (int k = 0; k < NR<Isa>; k += Isa::width) {
    constexpr int spectrum_columns = Width + 2, points = Winograd::points_of(Width);
    Vector<Isa> from[3][3], u[6][spectrum_columns];
#pragma GCC unroll 9
    for (int t = 0; t < 9; ++t) from[t / 3][t % 3] = load<Isa>(w + t * step + k);
    along_both_axes(from, u, [](const auto& line, auto& out) { WinogradMaps<float>::weights(line, out); });
    float* point = to + k;
#pragma GCC unroll 36
    for (int p = 0; p < points; ++p, point += point_step)
      store<Isa>(point, u[p / spectrum_columns][p % spectrum_columns]);
  }
}

/// packed[panel][point][c][NR] = the spectra of w (3,3,C,O).
template <class Isa>
void winograd_pack_forward(const ConvolutionShape& s, const float* w, float* packed, ThreadPool& pool,
                           int tile_width = Winograd::tile) {
  constexpr int task_inputs = 32;
  const auto transform = tile_width == Winograd::narrow ? &transform_weights<Isa, Winograd::narrow>
                                                        : &transform_weights<Isa, Winograd::tile>;
  const int splits = ceil_div(s.x.c, task_inputs);
  pool.run(ceil_div(s.y.c, NR<Isa>) * splits, [&](int task, int) {
    const int panel = task / splits, begin = task % splits * task_inputs;
    const int end = begin + task_inputs < s.x.c ? begin + task_inputs : s.x.c;
    const int left = s.y.c - panel * NR<Isa>;
    const int width = left < NR<Isa> ? left : NR<Isa>;
    for (int c = begin; c < end; ++c) {
      const float* from = w + std::int64_t(c) * s.y.c + panel * NR<Isa>;  // (tap,C,O)
      std::int64_t step = std::int64_t(s.x.c) * s.y.c;
      float padded[9 * NR<Isa>];
      if (width != NR<Isa>) {
        for (int t = 0; t < 9; ++t)
          for (int o = 0; o < NR<Isa>; ++o) padded[t * NR<Isa> + o] = o < width ? from[t * step + o] : 0.0f;
        from = padded;
        step = NR<Isa>;
      }
      transform(from, step, false,
                packed + panel * winograd_panel_floats<Isa>(s, tile_width) + std::int64_t(c) * NR<Isa>,
                std::int64_t(s.x.c) * NR<Isa>);
    }
  });
}

/// packed[panel of c][point][o][NR] = the spectra of w (3,3,C,O) rotated by 180 degrees, with input and output channels
/// transposed: the weights of winograd_transposed(s).
template <class Isa>
void winograd_pack_input_gradient(const ConvolutionShape& s, const float* w, float* packed, ThreadPool& pool) {
  constexpr int cache_line = 16;  // floats: rows of w are read one cache line at a time
  const ConvolutionShape backward = winograd_transposed(s);
  const int splits = ceil_div(s.y.c, cache_line);
  pool.run(ceil_div(s.x.c, NR<Isa>) * splits, [&](int task, int) {
    const int panel = task / splits, begin = task % splits * cache_line;
    const int end = begin + cache_line < s.y.c ? begin + cache_line : s.y.c;
    const int left = s.x.c - panel * NR<Isa>;
    const int width = left < NR<Isa> ? left : NR<Isa>;
    float transposed[cache_line * 9 * NR<Isa>];  // (o,tap,c)
    for (int t = 0; t < 9; ++t)
      for (int c = 0; c < NR<Isa>; ++c) {
        const float* from = w + (std::int64_t(t) * s.x.c + panel * NR<Isa> + c) * s.y.c;  // (O)
        float* to = transposed + t * NR<Isa> + c;
        for (int o = begin; o < end; ++o, to += 9 * NR<Isa>) *to = c < width ? from[o] : 0.0f;
      }
    for (int o = begin; o < end; ++o)
      transform_weights<Isa, Winograd::tile>(
          transposed + (o - begin) * std::int64_t{9} * NR<Isa>, NR<Isa>, true,
          packed + panel * winograd_panel_floats<Isa>(backward) + std::int64_t(o) * NR<Isa>,
          std::int64_t(s.y.c) * NR<Isa>);
  });
}

}  // namespace tinycnn::cpu
