// Gradient of a first convolution's weights from the gradient of its max-pooled output: one pixel of each 2x2 window
// took the maximum, so a quarter of the products are left.
#pragma once

#include <tinycnn/backends/cpu/ahead.hpp>
#include <tinycnn/backends/cpu/conv_bn.hpp>
#include <tinycnn/backends/cpu/patch_gram.hpp>

namespace tinycnn::cpu {

/// What forward left of a pooled output, and the gradient that came back for it, each (N,P/2,Q/2,O).
struct PooledGradient {
  const float* dy = nullptr;
  const float* pooled = nullptr;        // before scale, shift and ReLU; null: dy is masked and summed up already
  const std::uint8_t* index = nullptr;  // which of the window's four pixels, row by row
};

/// One sample's share of dgamma, dbeta and dw, `chunk` windows of a row at a time.
template <class Isa>
struct PooledWeightGradient {
  static constexpr int chunk = 32;
  static constexpr int taps = 9;  // of a chunk's table: a kernel's 9 for one channel, so that sums stay in registers

  ConvolutionShape s;
  PaddedPlanes planes;
  constexpr explicit PooledWeightGradient(const ConvolutionShape& shape) : s(shape), planes(shape) {}

  [[nodiscard]] constexpr int rows() const { return s.y.h / 2; }
  [[nodiscard]] constexpr int columns() const { return s.y.w / 2; }
  [[nodiscard]] constexpr long table_floats() const { return long(chunk) * taps * Isa::width; }
  /// Per worker: planes, table, masked gradients, places.
  [[nodiscard]] constexpr long scratch_floats() const {
    return planes.floats() + table_floats() + 2L * chunk * round_up(s.y.c, 16);
  }
  /// Per sample: the sums of g and g (v - mean) (2,O), then those of g times the pixel (9 C,O).
  [[nodiscard]] constexpr long partial_floats() const { return long(2 + PatchGram::elements(s)) * s.y.c; }

  /// partial (2 + 9 C, O) of sample n.
  [[gnu::noinline]] void sample(const float* x, const Pivots& pivots, const PooledGradient& gradient,
                                const ChannelNumbers& k, int n, float* scratch, float* partial) const {
    float* table = scratch + planes.floats();  // (window,tap,width): the four pixels of a window, again and again
    float* g = table + table_floats();         // (window,O)
    int* place = reinterpret_cast<int*>(g + chunk * round_up(s.y.c, 16));  // (window,O)
    planes.load(s, x + n * s.x.size(), pivots, scratch);
    for (long i = 0; i < partial_floats(); ++i) partial[i] = 0;
    for (int p = 0; p < rows(); ++p)
      for (int q = 0; q < columns(); q += chunk) {
        const int count = columns() - q < chunk ? columns() - q : chunk;
        const long at = ((long(n) * rows() + p) * columns() + q) * s.y.c;
        for (int i = 0; i < count * s.y.c; ++i) place[i] = gradient.index[at + i];
        const bool finished = gradient.pooled == nullptr;
        if (!finished) take(gradient, k, at, count, g, partial);
        const long next = at + long(count) * s.y.c, steps = long(s.x.c) * count * (s.y.c / Isa::width);
        Ahead ahead[2] = {{gradient.dy + next, long(chunk) * s.y.c, steps},
                          {gradient.pooled + (finished ? 0 : next), finished ? 0 : long(chunk) * s.y.c, steps}};
        for (int c = 0; c < s.x.c; ++c) {
          fill(table, scratch + c * planes.plane() + 2L * p * planes.pitch + 2 * q, count);
          multiply(table, finished ? gradient.dy + at : g, place, count, c, partial + 2L * s.y.c, ahead);
        }
      }
  }

 private:
  /// g = masked dy of `count` windows; the sums of g and g (v - mean).
  void take(const PooledGradient& from, const ChannelNumbers& k, long at, int count, float* g, float* sums) const {
    for (int q = 0; q < count; ++q, at += s.y.c, g += s.y.c)
      for_channels<Isa>(s.y.c, [&]<class V>(V, int o) {
        const V value = masked<Isa, V>(from.dy, from.pooled, k, at + o, o);
        put<V>(g + o, value);
        put<V>(sums + o, get<V>(sums + o) + value);
        const V off = get<V>(from.pooled + at + o) - get<V>(k.mean + o);
        put<V>(sums + s.y.c + o, fma<Isa>(value, off, get<V>(sums + s.y.c + o)));
      });
  }

  /// table = pixels (0,0), (0,1), (1,0), (1,1) of each window as each tap sees them, from a plane's first window on.
  void fill(float* table, const float* plane, int count) const {
    for (int q = 0; q < count; ++q, plane += 2)
      for (int t = 0; t < taps; ++t, table += Isa::width) {
        const float* pixel = plane + t / 3 * long(planes.pitch) + t % 3;
        float four[4];
        std::memcpy(four, pixel, 2 * sizeof(float));
        std::memcpy(four + 2, pixel + planes.pitch, 2 * sizeof(float));
#pragma GCC unroll 4
        for (int i = 0; i < Isa::width; i += 4) std::memcpy(table + i, four, sizeof four);
      }
  }

  /// dw (9 C,O) += g times the pixel each window took, for the taps of channel c.
  void multiply(const float* table, const float* g, const int* place, int count, int c, float* dw,
                Ahead (&ahead)[2]) const {
    for_channels<Isa>(s.y.c, [&]<class V>(V, int o) {
      V sums[taps] = {};
      for (int q = 0; q < count; ++q) {
        ahead[0].step();
        ahead[1].step();
        const V value = get<V>(g + q * s.y.c + o);
        const float* four = table + long(q) * taps * Isa::width;
#pragma GCC unroll 9
        for (int t = 0; t < taps; ++t)
          sums[t] = fma<Isa>(value, lookup<Isa>(V{}, four + t * Isa::width, place + q * s.y.c + o), sums[t]);
      }
      for (int t = 0; t < taps; ++t) {
        float* to = dw + (long(t) * s.x.c + c) * s.y.c + o;
        put<V>(to, get<V>(to) + sums[t]);
      }
    });
  }
};

}  // namespace tinycnn::cpu
