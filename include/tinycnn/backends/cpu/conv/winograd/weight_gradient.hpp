// Winograd convolution, gradients of the weights and the bias: dw = G^T (sum over tiles of (B^T x B)^T (A dy A^T)) G.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/direct/weight_gradient.hpp>
#include <tinycnn/backends/cpu/conv/winograd/weight_gradient_tiling.hpp>

namespace tinycnn::cpu {

/// Transforms panels [begin, end) of one row of tiles of sample n: spectra A dy A^T. Adds the sums of dy over the row
/// to bias_sums (panel,NR), unless null.
template <class Isa, class Source>
[[gnu::noinline]] void transform_output_gradient_row(const ConvolutionShape& s, const Source& dy, int n, int tile_row,
                                                     int begin, int end, float* tile, const Spectra& to, int first_tile,
                                                     float* bias_sums) {
  const int columns = tile_columns(s), pixels = 4 * columns;
  for (int panel = begin; panel < end; ++panel) {
    const int c = panel * NR<Isa>;
    const int width = s.y.c - c < NR<Isa> ? s.y.c - c : NR<Isa>;
    if (width != NR<Isa>) std::memset(tile, 0, sizeof(float) * 4 * std::size_t(pixels) * NR<Isa>);
    load_tile<Isa>(tile, NR<Isa>, Rectangle{4 * tile_row, 0, 4, pixels}, s.y, dy, n, c, width);
    if (bias_sums != nullptr) add_pixels<Isa>(tile, 4 * pixels, bias_sums + c, true);
    for (int t = 0; t < columns; ++t)
      for (int k = 0; k < NR<Isa>; k += Isa::width)
        transform_output_gradient_tile<Isa>(tile + std::int64_t{4} * t * NR<Isa> + k, std::int64_t(pixels) * NR<Isa>,
                                            NR<Isa>, to.at(first_tile + t, c) + k, to.point_step, to.past_caches);
  }
}

/// At one point: du[panel][C][NR] (+)= sum over tiles of x[strip][tile][strip]^T dy[panel][tile][NR]. Both prefetchers
/// take one step per register tile.
template <class Isa>
[[gnu::noinline]] void multiply_spectra(const Spectra& x, const Spectra& dy, int point, int tiles, int channels,
                                        int begin, int end, float* du, std::int64_t panel_floats, bool accumulate,
                                        Prefetcher (&prefetcher)[2]) {
  constexpr int strip = WinogradWeightGradientTiling<Isa>::strip;  // a constant, so that no address needs a division
  for (int panel = begin; panel < end; ++panel) {
    const float *left = x.data + point * x.point_step, *right = dy.at(0, panel * NR<Isa>) + point * dy.point_step;
    float* out = du + panel * panel_floats;
    for (int c = 0; c < channels; c += MR<Isa>, out += MR<Isa> * NR<Isa>) {
      prefetcher[0].step();
      prefetcher[1].step();
      const float* a[MR<Isa>];
#pragma GCC unroll 8
      for (int i = 0; i < MR<Isa>; ++i) {
        const unsigned k = unsigned(c + i < channels ? c + i : channels - 1);
        a[i] = left + k / strip * x.strip_step + k % strip;
      }
      Accumulators<Isa> sums;
      sums.clear();
      const float* next = out + MR<Isa> * NR<Isa>;  // prefetches the next register tile's sums
      add_products<Isa, strip, 4>(sums, a, right, tiles, [&](std::int64_t, int) {
        __builtin_prefetch(next, 1);
        next += 16;
      });
      if (accumulate) sums.add(out);
      sums.write(out);
    }
  }
}

/// dw (3,3,C,O) = G^T (sum of the partial sums' spectra) G for channels [begin, end) of x and one panel; zero where
/// `partials` is 0.
template <class Isa>
[[gnu::noinline]] void transform_weight_gradient(const ConvolutionShape& s,
                                                 const WinogradWeightGradientTiling<Isa>& tiling, const float* spectra,
                                                 int partials, int panel, int begin, int end, float* dw) {
  constexpr int channels_prefetch_distance = 4;
  const std::int64_t point_step = tiling.spectrum_step(s), partial_step = tiling.spectrum_floats(s);
  for (int c = begin; c < end; ++c)
    for (int k = 0; k < NR<Isa>; k += Isa::width) {
      const int first = panel * NR<Isa> + k;
      if (first >= s.y.c) break;
      const float* from = spectra + panel * tiling.panel_floats(s) + std::int64_t(c) * NR<Isa> + k;
      Vector<Isa> du[6][6] = {}, dg[3][3];
      for (int partial = 0; partial < partials; ++partial, from += partial_step) {
        const float* at = from;
#pragma GCC unroll 36
        for (int p = 0; p < Winograd::points; ++p, at += point_step) {
          asm("" : "+r"(at));
          __builtin_prefetch(at + channels_prefetch_distance *
                                      NR<Isa>);  // more streams than the hardware prefetcher follows
          du[p / 6][p % 6] += load<Isa>(at);
        }
      }
      along_both_axes(du, dg, [](const auto& line, auto& out) { WinogradMaps<float>::weights_adjoint(line, out); });
      float* to = dw + std::int64_t(c) * s.y.c + first;
      const int left = s.y.c - first;
      const std::int64_t tap = std::int64_t(s.x.c) * s.y.c;
      if (left >= Isa::width) {
        for (int t = 0; t < 9; ++t, to += tap) store<Isa>(to, dg[t / 3][t % 3]);
      } else {
#pragma GCC unroll 1
        for (int t = 0; t < 9; ++t, to += tap) std::memcpy(to, &dg[t / 3][t % 3], sizeof(float) * std::size_t(left));
      }
    }
}

/// equals: direct_weight_gradient. `workspace` holds winograd_weight_gradient_workspace_floats(s). Error: rms <= 2e-5
/// of the rms of the result.
template <class Isa, class SourceX, class SourceY>
void winograd_weight_gradient(const ConvolutionShape& s, int n, const SourceX& x, const SourceY& dy, float* dw,
                              float* db, ThreadPool& pool, float* scratch, float* workspace) {
  const auto tiling = WinogradWeightGradientTiling<Isa>::of(s);
  const std::int64_t worker_floats = winograd_weight_gradient_scratch_floats<Isa>(s),
                     du_floats = tiling.spectrum_floats(s);
  const int panels = tiling.panels(s), all_rows = tile_rows(s), rows = n * all_rows, chunks = tiling.chunks(s, n);
  const int partials = chunks < tiling.partials ? chunks : tiling.partials;
  float* spectra = workspace;                           // (partial,point,panel,C,NR)
  float* bias = spectra + tiling.partials * du_floats;  // (bias row,O)
  float* chunk_spectra = bias + tiling.bias_rows() * tiling.bias_floats(s);
  if (db != nullptr) std::memset(bias, 0, sizeof(float) * std::size_t(tiling.bias_rows() * tiling.bias_floats(s)));
  if (tiling.interleaved) {
    // A partial sum's panels may be split over several tasks; no result depends on it. But each of these tasks
    // transforms x again.
    const int wanted = partials > 0 ? ceil_div(pool.size(), partials) : 1;
    const int splits = wanted < panels ? wanted : panels;
    pool.run(partials * splits, [&](int task, int worker) {
      const int partial = task / splits, split = task % splits;
      const int begin = panels * split / splits, end = panels * (split + 1) / splits;
      float* tile = scratch + worker * worker_floats;
      const Spectra v = tiling.x_spectra(s, tile + input_row_floats(s));
      const Spectra d = tiling.dy_spectra(s, v.data + tiling.x_floats(s));
      const int first_chunk = static_cast<int>(std::int64_t(chunks) * partial / partials);
      const int last_chunk = static_cast<int>(std::int64_t(chunks) * (partial + 1) / partials);
      for (int chunk = first_chunk; chunk < last_chunk; ++chunk) {
        const int first = chunk * tiling.rows, count = rows - first < tiling.rows ? rows - first : tiling.rows;
        for (int i = 0; i < count; ++i) {
          const int sample = (first + i) / all_rows, row = (first + i) % all_rows;
          transform_input_row<Isa>(s, x, sample, row, tile, v, i * tiling.tiles_per_row);
        }
        const std::int64_t next = chunk + 1 < last_chunk ? first + tiling.rows : rows;
        const std::int64_t steps = std::int64_t(Winograd::points) * ceil_div(s.x.c, MR<Isa>);  // per panel
        Prefetcher prefetcher[2] = {prefetch_rows(s, x, s.x, n, next, next + tiling.rows, -s.window.rows.padding, 6,
                                                  steps * (end - begin), 0, s.x.c)};
        for (int panel = begin; panel < end; ++panel) {
          for (int i = 0; i < count; ++i)
            transform_output_gradient_row<Isa>(s, dy, (first + i) / all_rows, (first + i) % all_rows, panel, panel + 1,
                                               tile, d, i * tiling.tiles_per_row,
                                               db != nullptr ? bias + partial * tiling.bias_floats(s) : nullptr);
          const bool last_panel = panel + 1 == end;
          const int c = (last_panel ? begin : panel + 1) * NR<Isa>;
          prefetcher[1] =
              prefetch_rows(s, dy, s.y, n, last_panel ? next : first, last_panel ? next + tiling.rows : first + count,
                            0, 4, steps, c, s.y.c - c < NR<Isa> ? s.y.c - c : NR<Isa>);
          for (int p = 0; p < Winograd::points; ++p)
            multiply_spectra<Isa>(v, d, p, count * tiling.tiles_per_row, s.x.c, panel, panel + 1,
                                  spectra + partial * du_floats + p * tiling.spectrum_step(s), tiling.panel_floats(s),
                                  chunk > first_chunk, prefetcher);
        }
      }
    });
  } else {
    const Spectra v = tiling.x_spectra(s, chunk_spectra);
    const Spectra d = tiling.dy_spectra(s, v.data + tiling.x_floats(s));
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const int first = chunk * tiling.rows, count = rows - first < tiling.rows ? rows - first : tiling.rows;
      pool.run(count, [&](int i, int worker) {
        float* tile = scratch + worker * worker_floats;
        const int sample = (first + i) / all_rows, row = (first + i) % all_rows;
        transform_input_row<Isa>(s, x, sample, row, tile, v, i * tiling.tiles_per_row);
        transform_output_gradient_row<Isa>(s, dy, sample, row, 0, panels, tile, d, i * tiling.tiles_per_row,
                                           db != nullptr ? bias + i * tiling.bias_floats(s) : nullptr);
        __builtin_ia32_sfence();
      });
      pool.run(2 * Winograd::points, [&](int task, int) {
        Prefetcher none[2];
        const int p = task / 2, begin = panels * (task % 2) / 2, end = panels * (task % 2 + 1) / 2;
        multiply_spectra<Isa>(v, d, p, count * tiling.tiles_per_row, s.x.c, begin, end,
                              spectra + p * tiling.spectrum_step(s), tiling.panel_floats(s), chunk > 0, none);
      });
    }
  }
  constexpr int task_inputs = 16;
  const int input_splits = ceil_div(s.x.c, task_inputs);
  pool.run(panels * input_splits, [&](int task, int) {
    const int begin = task % input_splits * task_inputs;
    transform_weight_gradient<Isa>(s, tiling, spectra, partials, task / input_splits, begin,
                                   s.x.c - begin < task_inputs ? s.x.c : begin + task_inputs, dw);
  });
  if (db == nullptr) return;
  for (int o = 0; o < s.y.c; ++o) {
    db[o] = 0;
    for (int row = 0; row < tiling.bias_rows(); ++row) db[o] += bias[row * tiling.bias_floats(s) + o];
  }
}

}  // namespace tinycnn::cpu
