// Depthwise convolution, gradient of the weights and the bias, channels side by side in registers.
#pragma once

#include <tinycnn/backends/cpu/convolution_depthwise.hpp>
#include <tinycnn/backends/cpu/convolution_weight_gradient.hpp>

namespace tinycnn::cpu {

/// sums[i][j] += sum over k < count of x[offset_i + k x_step + j] * dy[k dy_step + j], i < Rows, j < NR.
template <class Isa, int Rows>
[[gnu::noinline]] void multiply_pixels(const float* x, const long (&offset)[Rows], long x_step, const float* dy,
                                       long dy_step, int count, float* __restrict sums) {
  for (int j = 0; j < NR<Isa>; j += Isa::width) {
    Vector<Isa> sum[Rows] = {};
    const float *from = x + j, *factor = dy + j;
    for (const float* end = factor + count * dy_step; factor != end; factor += dy_step, from += x_step) {
      const Vector<Isa> value = load<Isa>(factor);
#pragma GCC unroll 9
      for (int i = 0; i < Rows; ++i) sum[i] = fma<Isa>(load<Isa>(from + offset[i]), value, sum[i]);
    }
#pragma GCC unroll 9
    for (int i = 0; i < Rows; ++i) store<Isa>(sums + i * NR<Isa> + j, load<Isa>(sums + i * NR<Isa> + j) + sum[i]);
  }
}

/// A fixed part of the batch keeps its sums of a range of channels in scratch; parts are added in order at the end.
struct DepthwiseGradientBlocking {
  static constexpr int parts = 16;
  static constexpr int at_once = 9;  // taps
  static constexpr int pixels = 16;  // whose products are added up before the sums
  DepthwiseBlocking x;

  static constexpr DepthwiseGradientBlocking of(const ConvolutionShape& s) {
    return {DepthwiseBlocking::of(forward_sweep(s))};
  }
  /// Rows of the sums of a panel: taps, then one for the bias.
  [[nodiscard]] constexpr int rows() const { return round_up(x.s.kernel * x.s.kernel, at_once) + 1; }
  template <class Isa>
  [[nodiscard]] constexpr long dy_floats() const {
    return long(x.s.out.w) * NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr long sums_floats() const {
    return long(rows()) * DepthwiseBlocking::panels_wanted * NR<Isa>;
  }
};

/// Per worker.
template <class Isa>
constexpr long depthwise_gradient_scratch_floats(const ConvolutionShape& s) {
  const auto b = DepthwiseGradientBlocking::of(s);
  return b.x.ring_floats<Isa>() + b.dy_floats<Isa>() + b.sums_floats<Isa>();
}

/// Shared by all workers.
constexpr long depthwise_gradient_shared_floats(const ConvolutionShape& s) {
  return DepthwiseGradientBlocking::parts * (s.weights() + s.y.c);
}

/// sums (taps, NR) += products of one row of dy (Q,NR) with the rows of x it met.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_gradient_row(const ConvolutionShape& s, const DepthwiseBlocking& b,
                                              RowRing<Isa, Source>& ring, int p, const float* dy, float* sums,
                                              Ahead& ahead) {
  constexpr int at_once = DepthwiseGradientBlocking::at_once;
  const Window& k = s.window;
  const float* origin = ring.at(b.first_offset);
  for (int tap = 0; tap < s.taps(); tap += at_once, sums += at_once * NR<Isa>) {
    long offset[at_once];
    for (int i = 0; i < at_once; ++i) {
      const int t = tap + i < s.taps() ? tap + i : s.taps() - 1;  // taps beyond the last repeat it
      offset[i] = ring.at(p * k.stride + b.first_offset + t / k.kernel * k.dilation) - origin +
                  t % k.kernel * k.dilation * NR<Isa>;
    }
    for (int q = 0; q < s.y.w; q += DepthwiseGradientBlocking::pixels) {
      ring.step();
      ahead.step();
      multiply_pixels<Isa>(
          origin + long(q) * k.stride * NR<Isa>, offset, long(k.stride) * NR<Isa>, dy + long(q) * NR<Isa>, NR<Isa>,
          s.y.w - q < DepthwiseGradientBlocking::pixels ? s.y.w - q : DepthwiseGradientBlocking::pixels, sums);
    }
  }
}

/// equals: convolution_weight_gradient; `shared` holds depthwise_gradient_shared_floats(s).
template <class Isa, class SourceX, class SourceY>
void depthwise_weight_gradient(const ConvolutionShape& s, int n, const SourceX& x, const SourceY& dy, float* dw,
                               float* db, ThreadPool& pool, float* scratch, float* shared) {
  const auto b = DepthwiseGradientBlocking::of(s);
  const long worker_floats = depthwise_gradient_scratch_floats<Isa>(s), part_floats = s.weights() + s.y.c;
  const int panels = b.x.panels<Isa>(), ranges = ceil_div(panels, DepthwiseBlocking::panels_wanted);
  const int blocks = b.x.blocks(n), steps = ceil_div(s.y.w, b.pixels);
  pool.run(b.parts * ranges, [&](int unit, int worker) {
    float* slots = scratch + worker * worker_floats;  // (slots, columns, NR)
    float* dy_row = slots + b.x.ring_floats<Isa>();   // (Q, NR)
    float* sums = dy_row + b.dy_floats<Isa>();        // (panel, tap and bias, NR)
    std::memset(sums, 0, sizeof(float) * static_cast<std::size_t>(b.sums_floats<Isa>()));
    const int part = unit / ranges, range = unit % ranges;
    const int first_panel = panels * range / ranges, last_panel = panels * (range + 1) / ranges;
    const int end = static_cast<int>(long(blocks) * (part + 1) / b.parts);
    for (int block = static_cast<int>(long(blocks) * part / b.parts); block < end; ++block) {
      const int sample = block / b.x.bands, first_row = block % b.x.bands * b.x.rows;
      const int last_row = first_row + b.x.rows < s.y.h ? first_row + b.x.rows : s.y.h;
      float* to = sums;
      for (int panel = first_panel; panel < last_panel; ++panel, to += b.rows() * NR<Isa>) {
        RowRing<Isa, SourceX> ring(b.x, x, slots, sample, first_row, panel);
        for (int p = first_row; p < last_row; ++p) {
          ring.advance(p, steps);
          load_tile<Isa>(dy_row, NR<Isa>, Rectangle{p, 0, 1, s.y.w}, s.y, dy, sample, panel * NR<Isa>,
                         b.x.width<Isa>(panel));
          const long ahead = long(sample) * s.y.h + p + 2;
          Ahead dy_ahead = dy.ahead(ahead, ahead + 1, steps, panel * NR<Isa>, b.x.width<Isa>(panel));
          depthwise_gradient_row<Isa>(s, b.x, ring, p, dy_row, to, dy_ahead);
          if (db != nullptr) add_pixels<Isa>(dy_row, s.y.w, to + (b.rows() - 1) * NR<Isa>, true);
        }
      }
    }
    float* to = shared + part * part_floats;  // (R,S,1,C), then (C)
    const float* from = sums;
    for (int panel = first_panel; panel < last_panel; ++panel, from += b.rows() * NR<Isa>) {
      const int first = panel * NR<Isa>, left = s.y.c - first < NR<Isa> ? s.y.c - first : NR<Isa>;
      for (int row = 0; row <= s.taps(); ++row)
        std::memcpy(to + long(row) * s.y.c + first, from + (row < s.taps() ? row : b.rows() - 1) * NR<Isa>,
                    sizeof(float) * static_cast<std::size_t>(left));
    }
  });
  add_parts(s, b.parts, shared, dw, db, pool);
}

}  // namespace tinycnn::cpu
