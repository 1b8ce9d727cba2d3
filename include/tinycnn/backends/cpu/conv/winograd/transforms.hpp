// The transforms of Winograd's F(4x4, 3x3) and F(4x2, 3x3): linear maps between tiles and their spectra, one register
// of channels at a time.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

/// Sizes. An output tile has tile x tile pixels; its input patch and its spectrum (the tile in the Winograd domain)
/// have spectrum x spectrum elements. An element of a spectrum is a point.
struct Winograd {
  static constexpr int tile = 4;
  static constexpr int spectrum = 6;
  static constexpr int points = spectrum * spectrum;
  static constexpr int narrow = 2;  // columns of a narrow tile, for few pixels; its spectrum is spectrum x (narrow + 2)

  static constexpr int points_of(int tile_width) { return spectrum * (tile_width + 2); }
};

/// The one-dimensional maps: y = A^T ((G g) * (B^T d)), with an elementwise product, is the convolution
/// y[k] = sum over r of d[k + r] g[r]. The maps for four outputs interpolate at 0, a, -a, b, -b, infinity with a = 5/8
/// and b = 3/2, whose rounding errors are half of those of the textbook's 0, 1, -1, 2, -2, infinity; those for two
/// outputs at 0, 1, -1, infinity. S is the scalar type, V a scalar or a register. Source: Lavin and Gray, "Fast
/// algorithms for convolutional neural networks", 2016.
template <class S>
struct WinogradMaps {
  static constexpr S a = S(5) / 8, b = S(3) / 2;
  static constexpr S a2 = a * a, b2 = b * b;
  static constexpr S at_0 = 1 / (a2 * b2), at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));

  /// v = B^T d.
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[6], V (&v)[6]) {
    const V even_a = d[4] - b2 * d[2], odd_a = a * (d[3] - b2 * d[1]);
    const V even_b = d[4] - a2 * d[2], odd_b = b * (d[3] - a2 * d[1]);
    v[0] = (d[4] - (a2 + b2) * d[2]) + (a2 * b2) * d[0];
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = (d[5] - (a2 + b2) * d[3]) + (a2 * b2) * d[1];
  }

  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[4], V (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[2] + d[1];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
  }

  /// u = G g.
  template <class V>
  [[gnu::always_inline]] static void weights(const V (&g)[3], V (&u)[6]) {
    const V even_a = at_a * (g[0] + a2 * g[2]), odd_a = (at_a * a) * g[1];
    const V even_b = at_b * (g[0] + b2 * g[2]), odd_b = (at_b * b) * g[1];
    u[0] = at_0 * g[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2];
  }

  template <class V>
  [[gnu::always_inline]] static void weights(const V (&g)[3], V (&u)[4]) {
    const V even = S(0.5) * (g[0] + g[2]), odd = S(0.5) * g[1];
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
  }

  /// dg = G^T du.
  template <class V>
  [[gnu::always_inline]] static void weights_adjoint(const V (&du)[6], V (&dg)[3]) {
    const V sum_a = at_a * (du[1] + du[2]), sum_b = at_b * (du[3] + du[4]);
    dg[0] = at_0 * du[0] + (sum_a + sum_b);
    dg[1] = (at_a * a) * (du[1] - du[2]) + (at_b * b) * (du[3] - du[4]);
    dg[2] = du[5] + (a2 * sum_a + b2 * sum_b);
  }

  /// y = A^T m.
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[6], V (&y)[4]) {
    const V sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const V sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + (sum_a + sum_b);
    y[1] = a * difference_a + b * difference_b;
    y[2] = a2 * sum_a + b2 * sum_b;
    y[3] = m[5] + ((a * a2) * difference_a + (b * b2) * difference_b);
  }

  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[4], V (&y)[2]) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = m[3] + (m[1] - m[2]);
  }

  /// dm = A dy.
  template <class V>
  [[gnu::always_inline]] static void output_adjoint(const V (&dy)[4], V (&dm)[6]) {
    const V even_a = dy[0] + a2 * dy[2], odd_a = a * (dy[1] + a2 * dy[3]);
    const V even_b = dy[0] + b2 * dy[2], odd_b = b * (dy[1] + b2 * dy[3]);
    dm[0] = dy[0];
    dm[1] = even_a + odd_a;
    dm[2] = even_a - odd_a;
    dm[3] = even_b + odd_b;
    dm[4] = even_b - odd_b;
    dm[5] = dy[3];
  }
};

/// to (M,L) = `map` applied to the columns, then to the rows of from (N,K); it maps N elements to M, and K to L.
template <class V, int N, int K, int M, int L, class Map>
[[gnu::always_inline]] inline void along_both_axes(const V (&from)[N][K], V (&to)[M][L], Map map) {
  V half[K][M];  // transposed
#pragma GCC unroll 6
  for (int j = 0; j < K; ++j) {
    V line[N];
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) line[i] = from[i][j];
    map(line, half[j]);
  }
#pragma GCC unroll 6
  for (int i = 0; i < M; ++i) {
    V line[K];
#pragma GCC unroll 6
    for (int j = 0; j < K; ++j) line[j] = half[j][i];
    map(line, to[i]);
  }
}

/// v[S i + j] = (B^T d B)[i][j], S = Width + 2, for one register of channels. Pixel (i, j) of the patch d (6,S) is at
/// d + i row_step + j pixel_step, point p of v at v + p point_step.
template <class Isa, int Width>
[[gnu::always_inline]] inline void transform_input_tile(const float* d, std::int64_t row_step, std::int64_t pixel_step,
                                                        float* v, std::int64_t point_step, bool past_caches) {
  constexpr int spectrum_columns = Width + 2, points = Winograd::points_of(Width);
  Vector<Isa> from[6][spectrum_columns], to[6][spectrum_columns];
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i)
#pragma GCC unroll 6
    for (int j = 0; j < spectrum_columns; ++j) from[i][j] = load<Isa>(d + i * row_step + j * pixel_step);
  along_both_axes(from, to, [](const auto& line, auto& out) { WinogradMaps<float>::input(line, out); });
  if (past_caches) {
#pragma GCC unroll 36
    for (int p = 0; p < points; ++p, v += point_step) stream<Isa>(v, to[p / spectrum_columns][p % spectrum_columns]);
  } else {
#pragma GCC unroll 36
    for (int p = 0; p < points; ++p, v += point_step) store<Isa>(v, to[p / spectrum_columns][p % spectrum_columns]);
  }
}

/// v[6 i + j] = (A dy A^T)[i][j] for dy (4,4); addresses as in transform_input_tile.
template <class Isa>
[[gnu::always_inline]] inline void transform_output_gradient_tile(const float* dy, std::int64_t row_step,
                                                                  std::int64_t pixel_step, float* v,
                                                                  std::int64_t point_step, bool past_caches) {
  Vector<Isa> from[4][4], to[6][6];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) from[i][j] = load<Isa>(dy + i * row_step + j * pixel_step);
  along_both_axes(from, to, [](const auto& line, auto& out) { WinogradMaps<float>::output_adjoint(line, out); });
  if (past_caches) {
#pragma GCC unroll 36
    for (int p = 0; p < Winograd::points; ++p, v += point_step) stream<Isa>(v, to[p / 6][p % 6]);
  } else {
#pragma GCC unroll 36
    for (int p = 0; p < Winograd::points; ++p, v += point_step) store<Isa>(v, to[p / 6][p % 6]);
  }
}

/// y (4,Width) = A^T m A. Only the first `rows` x `columns` pixels are stored, pixel (i, j) at y + i row_step + j NR.
template <class Isa, int Width>
[[gnu::always_inline]] inline void transform_output_tile(const float* m, std::int64_t point_step, float* y,
                                                         std::int64_t row_step, int rows, int columns) {
  constexpr int spectrum_columns = Width + 2, points = Winograd::points_of(Width);
  Vector<Isa> from[6][spectrum_columns], to[4][Width];
#pragma GCC unroll 36
  for (int p = 0; p < points; ++p, m += point_step) from[p / spectrum_columns][p % spectrum_columns] = load<Isa>(m);
  along_both_axes(from, to, [](const auto& line, auto& out) { WinogradMaps<float>::output(line, out); });
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Width; ++j)
      if (i < rows && j < columns) store<Isa>(y + i * row_step + j * NR<Isa>, to[i][j]);
}

}  // namespace tinycnn::cpu
