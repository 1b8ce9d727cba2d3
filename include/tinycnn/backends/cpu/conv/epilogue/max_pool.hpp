// Max-pooling a convolution's result while it is hot: with BatchNorm's sums for training, with the activation for
// inference.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/first_layer/few_channels.hpp>

namespace tinycnn::cpu {

/// The running extreme of a window, per channel: largest where gamma > 0, smallest where gamma < 0, the first element
/// where gamma = 0. Ties keep the first; NaN wins, and the last NaN is the one kept, as torch's max_pool2d.
template <class Isa>
struct Extreme {
  Vector<Isa> best;       // with the sign bit flipped where gamma < 0
  IntVector<Isa> argmax;  // in the window, row by row

  [[gnu::always_inline]] void offer(Vector<Isa> v, int tap, IntVector<Isa> flip, IntVector<Isa> live) {
    const Vector<Isa> signed_v = flipped(v, flip);
    const IntVector<Isa> take = ((signed_v > best) | (signed_v != signed_v)) & live;
    best = take ? signed_v : best;
    argmax = take ? IntVector<Isa>{} + tap : argmax;
  }

  [[gnu::always_inline]] static Vector<Isa> flipped(Vector<Isa> v, IntVector<Isa> flip) {
    return reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(v) ^ flip);
  }
};

/// y = result + bias with BatchNorm's sums as StatisticsEpilogue, and of every k x k window (stride k, no padding) the
/// element that is the largest after the normalisation: pooled = its value before it, argmax = its index in the window.
/// Rows and columns no window covers still count in the sums.
template <class Isa>
struct StatisticsPoolEpilogue {
  float* y = nullptr;  // (N,P,Q,O); null: not stored
  Dims dims;
  const float* bias = nullptr;     // (O) or null
  const float* gamma = nullptr;    // (O)
  double* sums = nullptr;          // (blocks,2,O), blocks with row_multiple = k
  float* pooled = nullptr;         // (N,P/k,Q/k,O)
  std::uint8_t* argmax = nullptr;  // (N,P/k,Q/k,O)
  int k = 2;
  bool past_caches = false;  // y
  bool pooled_past_caches = false;

  [[nodiscard]] int row_multiple() const { return k; }

  [[gnu::noinline]] void apply(const OutputTile& p) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, p.width);
    const Pixel<Isa> sign = Pixel<Isa>::read(gamma + p.channel, p.width);
    constexpr int sign_bit = -0x7fffffff - 1;
    const IntVector<Isa> flip_a = (sign.a < 0.0f) & sign_bit, flip_b = (sign.b < 0.0f) & sign_bit;
    const IntVector<Isa> live_a = sign.a != 0.0f, live_b = sign.b != 0.0f;
    const int pooled_rows = dims.h / k - p.row / k < p.rows / k ? dims.h / k - p.row / k : p.rows / k;
    const int pooled_columns = dims.w / k;
    for (int s = 0; s < p.samples; ++s) {
      const int n = p.sample + s;
      const float* from = p.values + std::int64_t(s) * p.rows * p.columns * NR<Isa>;  // (rows,Q,NR)
      float* to =
          y + ((std::int64_t(n) * dims.h + p.row) * dims.w * dims.c + p.channel) * (y != nullptr);  // (rows,Q,O)
      BlockSums<Isa> block;
      block.pivot = Pixel<Isa>::read(p.values + p.middle(s) * NR<Isa>);
      block.pivot = {block.pivot.a + offset.a, block.pivot.b + offset.b};
      const auto visit = [&](int i, int j) {
        const std::int64_t at = std::int64_t(i) * p.columns + j;
        Pixel<Isa> v = Pixel<Isa>::read(from + at * NR<Isa>);
        v.a += offset.a;
        v.b += offset.b;
        if (y != nullptr) v.write(to + at * dims.c, p.width, past_caches);
        block.add(v);
        return v;
      };
      for (int i = 0; i < pooled_rows; ++i) {
        std::int64_t out = ((std::int64_t(n) * (dims.h / k) + p.row / k + i) * pooled_columns) * dims.c + p.channel;
        for (int j = 0; j < pooled_columns; ++j, out += dims.c) {
          const Pixel<Isa> head = visit(i * k, j * k);
          Extreme<Isa> a{Extreme<Isa>::flipped(head.a, flip_a), {}};
          Extreme<Isa> b{Extreme<Isa>::flipped(head.b, flip_b), {}};
          for (int tap = 1, r = 0, c = 1; tap < k * k; ++tap, ++c) {
            if (c == k) c = 0, ++r;
            const Pixel<Isa> v = visit(i * k + r, j * k + c);
            a.offer(v.a, tap, flip_a, live_a);
            b.offer(v.b, tap, flip_b, live_b);
          }
          const Pixel<Isa> best{Extreme<Isa>::flipped(a.best, flip_a), Extreme<Isa>::flipped(b.best, flip_b)};
          best.write(pooled + out, p.width, pooled_past_caches);
          write_argmax<Isa>(argmax + out, a.argmax, b.argmax, p.width);
        }
      }
      for (int i = 0; i < p.rows; ++i)  // what no window covers
        for (int j = i < pooled_rows * k ? pooled_columns * k : 0; j < p.columns; ++j) visit(i, j);
      block.flush(sums + std::int64_t{2} * p.block * dims.c + p.channel, dims.c, p.width, p.first && s == 0);
    }
  }

  /// The same for 2x2 windows where y is not stored. Weights take gamma's sign, so that every window takes its maximum,
  /// and results are taken about the pixel in the middle. False where a gamma is 0 or a result is not finite.
  [[gnu::noinline]] bool apply(const OutputTile& p, const FewChannels& x) const {
    if (y != nullptr || k != 2 || p.rows % 2 != 0 || p.width != NR<Isa>) return false;
    for (int o = 0; o < NR<Isa>; ++o)
      if (gamma[p.channel + o] == 0.0f) return false;
    PoolFewChannels<Isa> pool;
    pool.pooled = pooled, pool.argmax = argmax, pool.dims = dims;
    pool.past_caches = pooled_past_caches;
    pool.flip_where_negative(Pixel<Isa>::read(gamma + p.channel));
    const Pixel<Isa> offset = pool.flipped(Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, NR<Isa>));
    const Pixel<Isa> middle = pool.take_weights(x, offset, x.tile + p.rows / 2 * x.row + p.columns / 2 * x.channels);
    Pixel<Isa>{offset.a - middle.a, offset.b - middle.b}.write(pool.weights, NR<Isa>, false);
    pool.center = pool.flipped(middle);
    for (int s = 0; s < p.samples; ++s) {
      BlockSums<Isa> block;
      if (!pool.sample(p, x, s, block)) return false;
      block.flush(sums + std::int64_t{2} * p.block * dims.c + p.channel, dims.c, NR<Isa>, p.first && s == 0);
    }
    return true;
  }
};

/// pooled = max over every k x k window (stride k, no padding) of f(result + bias), where the activation f does not
/// decrease anywhere; the result itself is not stored.
template <class Isa>
struct PoolEpilogue {
  float* pooled = nullptr;  // (N,P/k,Q/k,O)
  Dims dims;                // of the result, (O,P,Q)
  const float* bias = nullptr;
  int k = 2;
  AppliedActivation<float> activation{true};

  [[nodiscard]] int row_multiple() const { return k; }

  [[gnu::noinline]] void apply(const OutputTile& p) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, p.width);
    const int pooled_rows = dims.h / k - p.row / k < p.rows / k ? dims.h / k - p.row / k : p.rows / k;
    const int pooled_columns = dims.w / k;
    for (int s = 0; s < p.samples; ++s)
      for (int i = 0; i < pooled_rows; ++i) {
        const std::int64_t row = (std::int64_t(p.sample + s) * (dims.h / k) + p.row / k + i) * pooled_columns;
        for (int j = 0; j < pooled_columns; ++j) {
          const float* from =
              p.values + ((std::int64_t(s) * p.rows + i * k) * p.columns + j * k) * NR<Isa>;  // (k,Q,NR)
          Pixel<Isa> best = Pixel<Isa>::read(from);
          for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
              const Pixel<Isa> v = Pixel<Isa>::read(from + (std::int64_t(r) * p.columns + c) * NR<Isa>);
              best.a = ((v.a > best.a) | (v.a != v.a)) ? v.a : best.a;
              best.b = ((v.b > best.b) | (v.b != v.b)) ? v.b : best.b;
            }
          best = {best.a + offset.a, best.b + offset.b};  // rounding is monotone, so once after the maximum is enough
          if (activation.relu)
            best = {cpu::relu<Isa>(best.a), cpu::relu<Isa>(best.b)};
          else
            best = activated(best);
          best.write(pooled + (row + j) * dims.c + p.channel, p.width, false);
        }
      }
  }

  /// The same for 2x2 windows from registers. False where a result is not finite.
  [[gnu::noinline]] bool apply(const OutputTile& p, const FewChannels& x) const {
    if (k != 2 || p.width != NR<Isa> || !activation.relu) return false;
    PoolFewChannels<Isa> pool;
    pool.pooled = pooled, pool.dims = dims;
    pool.relu = true;
    pool.take_weights(x, {}, x.tile);
    pool.center = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, NR<Isa>);
    for (int s = 0; s < p.samples; ++s) {
      BlockSums<Isa> unused;
      if (!pool.sample(p, x, s, unused)) return false;
    }
    return true;
  }

 private:
  [[gnu::cold]] Pixel<Isa> activated(const Pixel<Isa>& v) const {
    float row[NR<Isa>];
    v.write(row, NR<Isa>, false);
    if (activation.in_rows()) activation.apply(row, NR<Isa>);
    return Pixel<Isa>::read(row);
  }
};

}  // namespace tinycnn::cpu
