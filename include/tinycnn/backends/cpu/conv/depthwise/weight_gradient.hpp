// Depthwise convolution, gradient of the weights and the bias, channels side by side in registers.
#pragma once

#include <tinycnn/backends/cpu/conv/depthwise/forward.hpp>
#include <tinycnn/backends/cpu/conv/direct/weight_gradient.hpp>

namespace tinycnn::cpu {

/// sums_i[j] += sum over k < count of x[offset_i + k x_step + j] * dy[k dy_step + j], i < Taps, j < width; sums_Taps[j]
/// += the sum of dy. Both prefetchers take a step every 8 pixels of a register.
template <class Isa, int Taps>
[[gnu::noinline]] void multiply_pixels(const float* x, const long (&offset)[Taps], long x_step, const float* dy,
                                       long dy_step, int count, int width, float* const (&sums)[Taps + 1],
                                       Prefetcher& x_prefetcher, Prefetcher& dy_prefetcher) {
  for (int j = 0; j < width; j += Isa::width) {
    Vector<Isa> sum[Taps + 1] = {};
    const float *from = x + j, *factor = dy + j;
    for (int left = count; left > 0; left -= 8) {
      x_prefetcher.step();
      dy_prefetcher.step();
      for (const float* end = factor + (left < 8 ? left : 8) * dy_step; factor != end;
           factor += dy_step, from += x_step) {
        const Vector<Isa> value = load<Isa>(factor);
#pragma GCC unroll 9
        for (int i = 0; i < Taps; ++i) sum[i] = fma<Isa>(load<Isa>(from + offset[i]), value, sum[i]);
        sum[Taps] += value;
      }
    }
#pragma GCC unroll 10
    for (int i = 0; i <= Taps; ++i) store<Isa>(sums[i] + j, load<Isa>(sums[i] + j) + sum[i]);
  }
}

/// sums (panel, 9 taps and bias and one unwanted, NR) += products of two rows of `Pixels` of dy with the four of x that
/// a 3x3 kernel of stride 1 brings to them, x from what the left tap of pixel 0 reads on; columns of x at `left` or
/// `right` end are left out. Each pixel is loaded once for all its products.
template <class Isa, int Pixels>
[[gnu::noinline]] void multiply_pair(const float* const (&x)[4], long x_step, const float* const (&dy)[2], long dy_step,
                                     bool left, bool right, int width, float* sums, Prefetcher& x_prefetcher,
                                     Prefetcher& dy_prefetcher) {
  constexpr int taps = 3;
  for (int j = 0; j < width; j += Isa::width) {
    x_prefetcher.step();
    dy_prefetcher.step();
    float* to = sums + long(j / NR<Isa>) * (taps * taps + 2) * NR<Isa> + j % NR<Isa>;
    Vector<Isa> sum[taps * taps + 1], factor[2][Pixels];
#pragma GCC unroll 10
    for (int i = 0; i <= taps * taps; ++i) sum[i] = load<Isa>(to + i * NR<Isa>);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * Pixels; ++i) {
      factor[i / Pixels][i % Pixels] = load<Isa>(dy[i / Pixels] + j + i % Pixels * dy_step);
      sum[taps * taps] += factor[i / Pixels][i % Pixels];
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const float* pixel = x[r] + j;
#pragma GCC unroll 6
      for (int i = 0; i < Pixels + 2; ++i, pixel += x_step) {
        if ((i == 0 && left) || (i == Pixels + 1 && right)) continue;
        const Vector<Isa> value = load<Isa>(pixel);
#pragma GCC unroll 2
        for (int o = 0; o < 2; ++o)
#pragma GCC unroll 3
          for (int u = 0; u < taps; ++u)
            if (r >= o && r - o < taps && i >= u && i - u < Pixels)
              sum[(r - o) * taps + u] = fma<Isa>(value, factor[o][i - u], sum[(r - o) * taps + u]);
      }
    }
#pragma GCC unroll 10
    for (int i = 0; i <= taps * taps; ++i) store<Isa>(to + i * NR<Isa>, sum[i]);
  }
}

/// A fixed share of the batch keeps its partial sums in scratch; they are added in order at the end.
struct DepthwiseWeightGradientTiling {
  static constexpr int partials = 16;
  static constexpr int at_once = 9;  // taps
  DepthwiseTiling x;
  bool is_3x3 = false;  // that rows go in pairs for

  static constexpr DepthwiseWeightGradientTiling of(const ConvolutionShape& s) {
    const Window& k = s.window;
    return {DepthwiseTiling::of(forward_geometry(s)),
            k.kernel == 3 && k.stride == 1 && k.dilation == 1 && k.padding <= 1 && s.x.w > 1};
  }
  [[nodiscard]] constexpr int border_cost() const { return is_3x3 ? 1 : 16; }
  /// As DepthwiseTiling::steps.
  template <class Isa>
  [[nodiscard]] constexpr long steps(int panels, int rows) const {
    const long registers = long(panels) * (NR<Isa> / Isa::width);
    if (is_3x3) return registers * ceil_div(x.s.out.w, columns_3x3<Isa>);
    return registers * rows * ceil_div(x.s.out.w, 8) * ceil_div(x.s.kernel * x.s.kernel, at_once);
  }
  /// Columns that pairs of rows are taken in, all channels after each other: nearly the order in memory.
  template <class Isa>
  static constexpr int columns_3x3 = Isa::width == 16 ? 4 : 2;
  /// Rows of the sums of a panel: taps, then one for the bias and one for what nobody wants.
  [[nodiscard]] constexpr int rows() const { return x.s.kernel * x.s.kernel + 2; }
  template <class Isa>
  [[nodiscard]] constexpr long dy_floats() const {
    return long(x.chunk_rows) * x.s.out.w * x.pitch<Isa>();
  }
  /// What stands for a row that is missing.
  template <class Isa>
  [[nodiscard]] constexpr long zero_floats() const {
    return (columns_3x3<Isa> + 2L) * x.pitch<Isa>();
  }
  template <class Isa>
  [[nodiscard]] constexpr long sums_floats() const {
    return long(rows()) * x.panels<Isa>() * NR<Isa>;
  }
};

/// Per worker.
template <class Isa>
constexpr long depthwise_weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const auto b = DepthwiseWeightGradientTiling::of(s);
  return b.x.ring_floats<Isa>() + b.dy_floats<Isa>() + b.sums_floats<Isa>() + b.zero_floats<Isa>();
}

/// Shared by all workers.
constexpr long depthwise_weight_gradient_shared_floats(const ConvolutionShape& s) {
  return DepthwiseWeightGradientTiling::partials * (s.weights() + s.y.c);
}

/// sums (rows, NR) += products of row p of dy (Q, dy_step) with the rows of x it met, for `width` channels from
/// `channel` of the range on.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_weight_gradient_row(const ConvolutionShape& s, DepthwiseInputRows<Isa, Source>& x,
                                                     int p, int channel, int width, const float* dy, long dy_step,
                                                     float* sums, Prefetcher& prefetcher) {
  constexpr int at_once = DepthwiseWeightGradientTiling::at_once;
  const Window& k = s.window;
  const long pitch = x.pitch();
  float *bias = sums + s.taps() * NR<Isa>, *unwanted = bias + NR<Isa>;
  const auto multiply = [&](int q, int count, const Span& columns) {
    const float* origin = nullptr;
    long offset[at_once];
    float* to[at_once + 1];
    int taps = 0;
    to[at_once] = bias;
    const auto flush = [&] {
      for (int i = taps; i < at_once; ++i) offset[i] = 0, to[i] = unwanted;
      const float* factor = dy + q * dy_step;
      multiply_pixels<Isa, at_once>(origin != nullptr ? origin : factor, offset,
                                    origin != nullptr ? k.stride * pitch : dy_step, factor, dy_step, count, width, to,
                                    x.prefetcher(), prefetcher);
      taps = 0;
      to[at_once] = unwanted;
    };
    for (int t = 0; t < k.kernel; ++t) {
      const float* row = x.at(p * k.stride - k.padding + t * k.dilation);
      if (row == nullptr) continue;
      row += (q * k.stride - k.padding) * pitch + channel;
      for (int u = columns.begin; u < columns.end; ++u) {
        if (taps == at_once) flush();
        if (origin == nullptr) origin = row + u * k.dilation * pitch;
        offset[taps] = row + u * k.dilation * pitch - origin;
        to[taps++] = sums + (t * k.kernel + u) * NR<Isa>;
      }
    }
    if (taps > 0 || origin == nullptr) flush();
  };
  const Span whole = x.whole(s.y.w, -k.padding, k.dilation, k.kernel);
  for (int q = 0; q < s.y.w;) {
    const bool in_whole = q == whole.begin && whole.begin < whole.end;
    const int count = in_whole ? whole.end - q : 1;
    multiply(q, count, in_whole ? Span{0, k.kernel} : x.inside(q * k.stride - k.padding, k.dilation, k.kernel));
    q += count;
  }
}

/// sums (panel, taps and bias and unwanted, NR) += the same as depthwise_weight_gradient_row of one or two rows from p
/// on, for a 3x3 kernel of stride 1 and all `width` channels of the range.
template <class Isa, class Source>
void depthwise_weight_gradient_pair(const ConvolutionShape& s, DepthwiseInputRows<Isa, Source>& x, int p, int rows,
                                    int width, const float* dy, long dy_step, const float* zeros, float* sums,
                                    Prefetcher& prefetcher) {
  constexpr int at_once = DepthwiseWeightGradientTiling::columns_3x3<Isa>;
  const int padding = s.window.padding;
  const bool border = x.in_place() && padding > 0;
  const float *from[4], *factors[2] = {dy, rows == 2 ? dy + s.y.w * dy_step : zeros};
  for (int r = 0; r < 4; ++r) {
    const float* row = r < rows + 2 ? x.at(p - padding + r) : nullptr;
    from[r] = row == nullptr ? zeros : row - padding * x.pitch();
  }
  for (int q = 0, count = 0; q < s.y.w; q += count) {
    count = s.y.w - q < at_once ? 1 : at_once;
    const auto multiply = count == 1 ? multiply_pair<Isa, 1> : multiply_pair<Isa, at_once>;
    multiply(from, x.pitch(), factors, dy_step, border && q == 0, border && q + count == s.y.w, width, sums,
             x.prefetcher(), prefetcher);
    for (const float*& row : from) row += row == zeros ? 0 : count * x.pitch();
    for (const float*& row : factors) row += row == zeros ? 0 : count * dy_step;
  }
}

/// equals: direct_weight_gradient; `shared` holds depthwise_weight_gradient_shared_floats(s).
template <class Isa, class SourceX, class SourceY>
void depthwise_weight_gradient(const ConvolutionShape& s, int n, const SourceX& x, const SourceY& dy, float* dw,
                               float* db, ThreadPool& pool, float* scratch, float* shared) {
  const auto b = DepthwiseWeightGradientTiling::of(s);
  const long worker_floats = depthwise_weight_gradient_scratch_floats<Isa>(s), partial_floats = s.weights() + s.y.c;
  const int blocks = b.x.blocks(n), panels = b.x.panels<Isa>(), splits = b.x.splits<Isa>(b.partials, pool.size());
  pool.run(b.partials * splits, [&](int task, int worker) {
    float* slots = scratch + worker * worker_floats;  // (slots, columns, pitch)
    float* dy_rows = slots + b.x.ring_floats<Isa>();  // (chunk rows, Q, pitch)
    float* sums = dy_rows + b.dy_floats<Isa>();       // (panel, taps and bias, NR)
    float* zeros = sums + b.sums_floats<Isa>();       // (columns, pitch)
    std::memset(sums, 0, sizeof(float) * static_cast<std::size_t>(b.sums_floats<Isa>() + b.zero_floats<Isa>()));
    const int partial = task / splits;
    const int first_panel = panels * (task % splits) / splits, last_panel = panels * (task % splits + 1) / splits;
    const int first_channel = first_panel * NR<Isa>, channels = b.x.width<Isa>(first_panel, last_panel);
    const int end = static_cast<int>(long(blocks) * (partial + 1) / b.partials);
    for (int block = static_cast<int>(long(blocks) * partial / b.partials); block < end; ++block) {
      const int sample = block / b.x.blocks_per_sample, first_row = block % b.x.blocks_per_sample * b.x.rows;
      const int last_row = first_row + b.x.rows < s.y.h ? first_row + b.x.rows : s.y.h;
      DepthwiseInputRows<Isa, SourceX> rows_of_x(b.x, x, slots, sample, first_row, first_panel, last_panel,
                                                 b.border_cost());
      const float* in_place = s.y.c % Isa::width == 0 ? dy.pixels(sample) : nullptr;  // (P,Q,C)
      const long pitch = in_place != nullptr ? s.y.c : b.x.pitch<Isa>();
      for (int row = first_row; row < last_row; row += b.x.chunk_rows) {
        const int rows = last_row - row < b.x.chunk_rows ? last_row - row : b.x.chunk_rows;
        const long steps = b.steps<Isa>(last_panel - first_panel, rows);
        rows_of_x.advance(row, rows, steps);
        const float* from = dy_rows;
        if (in_place != nullptr)
          from = in_place + long(row) * s.y.w * s.y.c + first_channel;
        else
          load_tile<Isa>(dy_rows, b.x.pitch<Isa>(), Rectangle{row, 0, rows, s.y.w}, s.y, dy, sample, first_channel,
                         channels);
        const long below = long(sample) * s.y.h + row + rows;
        Prefetcher prefetcher = dy.prefetch(below, below + rows, steps, first_channel, channels);
        for (int i = 0; i < rows && b.is_3x3; i += 2)
          depthwise_weight_gradient_pair<Isa>(s, rows_of_x, row + i, rows - i < 2 ? 1 : 2, channels,
                                              from + i * s.y.w * pitch, pitch, zeros, sums, prefetcher);
        for (int panel = first_panel; panel < last_panel && !b.is_3x3; ++panel)
          for (int i = 0; i < rows; ++i)
            depthwise_weight_gradient_row<Isa>(s, rows_of_x, row + i, (panel - first_panel) * NR<Isa>,
                                               b.x.width<Isa>(panel, panel + 1),
                                               from + i * s.y.w * pitch + (panel - first_panel) * NR<Isa>, pitch,
                                               sums + long(panel - first_panel) * b.rows() * NR<Isa>, prefetcher);
      }
    }
    float* to = shared + partial * partial_floats;  // (R,S,1,C), then (C)
    const float* from = sums;
    for (int panel = first_panel; panel < last_panel; ++panel) {
      const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(b.x.width<Isa>(panel, panel + 1));
      for (int tap = 0; tap <= s.taps(); ++tap, from += NR<Isa>)
        std::memcpy(to + long(tap) * s.y.c + panel * NR<Isa>, from, bytes);
      from += NR<Isa>;
    }
  });
  add_partials(s, b.partials, shared, dw, db, pool);
}

}  // namespace tinycnn::cpu
