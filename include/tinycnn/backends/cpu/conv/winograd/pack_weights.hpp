// Transforms weights to Winograd spectra, U = G w G^T, and packs them for the micro-kernel.
#pragma once

#include <tinycnn/backends/cpu/conv/winograd/tiles.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// Floats of one panel of NR outputs: [point][input][NR].
template <class Isa>
constexpr long winograd_panel_floats(const ConvolutionShape& s, int tile_width = Winograd::tile) {
  return long(Winograd::points_of(tile_width)) * s.x.c * NR<Isa>;
}

/// Floats of the packed weights: [panel][point][input][NR], zero beyond the last output.
template <class Isa>
constexpr long winograd_packed_floats(const ConvolutionShape& s, int tile_width = Winograd::tile) {
  return ceil_div(s.y.c, NR<Isa>) * winograd_panel_floats<Isa>(s, tile_width);
}

/// to[point][NR] = the spectra of one input's weights w (tap,NR), `step` floats from tap to tap; if `rotated`, of w
/// rotated by 180 degrees.
template <class Isa, int Width>
[[gnu::noinline]] void transform_weights(const float* w, long step, bool rotated, float* to, long point_step) {
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
      const float* from = w + long(c) * s.y.c + panel * NR<Isa>;  // (tap,C,O)
      long step = long(s.x.c) * s.y.c;
      float padded[9 * NR<Isa>];
      if (width != NR<Isa>) {
        for (int t = 0; t < 9; ++t)
          for (int o = 0; o < NR<Isa>; ++o) padded[t * NR<Isa> + o] = o < width ? from[t * step + o] : 0.0f;
        from = padded;
        step = NR<Isa>;
      }
      transform(from, step, false, packed + panel * winograd_panel_floats<Isa>(s, tile_width) + long(c) * NR<Isa>,
                long(s.x.c) * NR<Isa>);
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
        const float* from = w + (long(t) * s.x.c + panel * NR<Isa> + c) * s.y.c;  // (O)
        float* to = transposed + t * NR<Isa> + c;
        for (int o = begin; o < end; ++o, to += 9 * NR<Isa>) *to = c < width ? from[o] : 0.0f;
      }
    for (int o = begin; o < end; ++o)
      transform_weights<Isa, Winograd::tile>(transposed + (o - begin) * 9L * NR<Isa>, NR<Isa>, true,
                                             packed + panel * winograd_panel_floats<Isa>(backward) + long(o) * NR<Isa>,
                                             long(s.y.c) * NR<Isa>);
  });
}

}  // namespace tinycnn::cpu
