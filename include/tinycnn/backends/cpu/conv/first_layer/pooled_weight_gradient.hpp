// Gradient of a first convolution's weights from the gradient of its max-pooled output. Only the argmax of each 2x2
// window has a gradient, so a quarter of the products are left.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/first_layer/patch_gram.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_passes.hpp>

namespace tinycnn::cpu {

/// The gradient of a pooled output and what forward stored of that output, each (N,P/2,Q/2,O).
struct PooledGradient {
  const float* dy = nullptr;
  const float* pooled = nullptr;         // before scale, shift and ReLU; null: dy is already masked and reduced
  const std::uint8_t* argmax = nullptr;  // row-major index in the window
};

/// One sample's contribution to dgamma, dbeta and dw; processes `chunk` windows of a row at a time.
template <class Isa>
struct PooledWeightGradient {
  static constexpr int chunk = 32;
  static constexpr int taps = 9;  // summed at once: those of one channel, so that the sums stay in registers

  ConvolutionShape s;
  PaddedPlanes planes;
  constexpr explicit PooledWeightGradient(const ConvolutionShape& shape) : s(shape), planes(shape) {}

  [[nodiscard]] constexpr int rows() const { return s.y.h / 2; }
  [[nodiscard]] constexpr int columns() const { return s.y.w / 2; }
  /// The table holds, per kernel row, the columns of a chunk in that row and in the row below it.
  [[nodiscard]] static constexpr int table_columns() { return 2 * chunk + 2; }
  [[nodiscard]] static constexpr std::int64_t table_floats() { return round_up(3 * 2 * table_columns(), 16); }
  /// Per worker: table, masked gradients, lookup lanes.
  [[nodiscard]] constexpr std::int64_t scratch_floats() const {
    return table_floats() + std::int64_t{2} * chunk * round_up(s.y.c, 16);
  }
  /// Per sample: the sums of g and g (v - mean) (2,O), then those of g times the pixel (9 C,O).
  [[nodiscard]] constexpr std::int64_t partial_floats() const {
    return std::int64_t(2 + PatchGram::elements(s)) * s.y.c;
  }

  /// partial (2 + 9 C, O) of sample n; `pixels` (C,rows,pitch) are its planes minus the pivots.
  [[gnu::noinline]] void sample(const float* pixels, const PooledGradient& gradient, const ChannelStatistics& k, int n,
                                float* scratch, float* partial) const {
    float* table = scratch;             // (kernel row,column,2): a window's four pixels lie side by side
    float* g = table + table_floats();  // (window,O)
    auto* lookup_lane = reinterpret_cast<std::uint8_t*>(g + chunk * round_up(s.y.c, 16));  // (window,O)
    for (std::int64_t i = 0; i < partial_floats(); ++i) partial[i] = 0;
    for (int p = 0; p < rows(); ++p)
      for (int q = 0; q < columns(); q += chunk) {
        const int count = columns() - q < chunk ? columns() - q : chunk;
        const std::int64_t at = ((std::int64_t(n) * rows() + p) * columns() + q) * s.y.c;
        const std::uint8_t* argmax = gradient.argmax + at;
        for (int i = 0, size = count * s.y.c; i < size; ++i)
          lookup_lane[i] = std::uint8_t((argmax[i] & 1) << 1 | argmax[i] >> 1);
        const bool reduced = gradient.pooled == nullptr;
        if (!reduced) mask_and_reduce(gradient, k, at, count, g, partial);
        const float* from = reduced ? gradient.dy + at : g;  // (window,O)
        const float* next = gradient.dy + at + std::int64_t(count) * s.y.c;
        for (int c = 0; c < s.x.c; ++c) {
          fill(table, pixels + c * planes.plane() + std::int64_t{2} * p * planes.pitch + 2 * q, count);
          multiply(table, from, lookup_lane, count, c, partial + std::int64_t{2} * s.y.c, next);
        }
      }
  }

 private:
  /// g = masked dy of `count` windows. Adds the sums of g and g (v - mean) to `sums` (2,O).
  [[gnu::noinline]] void mask_and_reduce(const PooledGradient& from, const ChannelStatistics& k, std::int64_t at,
                                         int count, float* g, float* sums) const {
    for (int q = 0; q < count; ++q, at += s.y.c, g += s.y.c)
      for_channels<Isa>(s.y.c, [&]<class V>(V, int o) {
        const V value = masked<Isa, V>(from.dy, from.pooled, k, at + o, o);
        __builtin_prefetch(from.pooled + at + o + std::int64_t(chunk) * s.y.c, 0, 2);
        store<V>(g + o, value);
        store<V>(sums + o, load<V>(sums + o) + value);
        const V off = load<V>(from.pooled + at + o) - load<V>(k.mean + o);
        store<V>(sums + s.y.c + o, fma<Isa>(value, off, load<V>(sums + s.y.c + o)));
      });
  }

  /// table = the pixels that `count` windows read of a plane; `plane` points at the first window's first tap.
  [[gnu::noinline]] void fill(float* table, const float* plane, int count) const {
    for (int r = 0; r < 3; ++r, plane += planes.pitch, table += 2 * table_columns())
      for (int column = 0; column < 2 * count + 2; ++column) {
        table[2 * column] = plane[column];
        table[2 * column + 1] = plane[planes.pitch + column];
      }
  }

  /// dw (9 C,O) += g times the pixel that each tap reads at a window's argmax, for the taps of channel c. Each step
  /// prefetches a part of the next chunk, which starts at `next`.
  [[gnu::noinline]] void multiply(const float* table, const float* g, const std::uint8_t* lookup_lane, int count, int c,
                                  float* dw, const float*& next) const {
    const std::int64_t outputs = s.y.c, share = ceil_div(Isa::width, s.x.c);
    for_channels<Isa>(s.y.c, [&]<class V>(V, int o) {
      V sums[taps] = {};
      const float *four = table, *from = g + o, *prefetch_at = next;
      const std::uint8_t* which = lookup_lane + o;
      for (int q = count; q > 0; --q, four += 4, from += outputs, which += outputs, prefetch_at += share) {
        __builtin_prefetch(prefetch_at, 0, 2);
        const V value = load<V>(from);
        const auto lanes = load_bytes<Isa>(V{}, which);
#pragma GCC unroll 9
        for (int t = 0; t < taps; ++t)
          sums[t] = fma<Isa>(value, lookup<Isa>(four + t / 3 * 2 * table_columns() + t % 3 * 2, lanes), sums[t]);
      }
      next = prefetch_at;
      for (int t = 0; t < taps; ++t) {
        float* to = dw + (std::int64_t(t) * s.x.c + c) * outputs + o;
        store<V>(to, load<V>(to) + sums[t]);
      }
    });
  }
};

}  // namespace tinycnn::cpu
