// Epilogues that max-pool a convolution's output tiles while they are in the cache: with BatchNorm's sums for training,
// with the activation for inference.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/first_layer/few_channels.hpp>

namespace tinycnn::cpu {

/// The running extreme of a window, per channel: largest where gamma > 0, smallest where gamma < 0, the first element
/// where gamma = 0. Of equal elements the first is kept; of NaNs, which exceed all else, the last: as torch's
/// max_pool2d.
template <class Isa>
struct Extreme {
  Vector<Isa> best;       // with the sign bit flipped where gamma < 0
  IntVector<Isa> argmax;  // row-major index in the window

  [[gnu::always_inline]] void offer(Vector<Isa> v, int tap, IntVector<Isa> flip, IntVector<Isa> live) {
    const Vector<Isa> signed_v = flipped(v, flip);
    const IntVector<Isa> replaces = ((signed_v > best) | (signed_v != signed_v)) & live;
    best = replaces ? signed_v : best;
    argmax = replaces ? IntVector<Isa>{} + tap : argmax;
  }

  [[gnu::always_inline]] static Vector<Isa> flipped(Vector<Isa> v, IntVector<Isa> flip) {
    return reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(v) ^ flip);
  }
};

/// y = result + bias and BatchNorm's sums, like StatisticsEpilogue. In addition, for every k x k window (stride k, no
/// padding), the element that is the largest after the normalisation: `pooled` is its value before the normalisation,
/// `argmax` its row-major index in the window. The sums include rows and columns that no window covers.
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
  bool past_caches = false;         // for y
  bool pooled_past_caches = false;  // for pooled

  [[nodiscard]] int row_multiple() const { return k; }

  [[gnu::noinline]] void apply(const OutputTile& tile) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + tile.channel, tile.width);
    const Pixel<Isa> sign = Pixel<Isa>::read(gamma + tile.channel, tile.width);
    constexpr int sign_bit = -0x7fffffff - 1;
    const IntVector<Isa> flip_a = (sign.a < 0.0f) & sign_bit, flip_b = (sign.b < 0.0f) & sign_bit;
    const IntVector<Isa> live_a = sign.a != 0.0f, live_b = sign.b != 0.0f;
    const int pooled_rows = dims.h / k - tile.row / k < tile.rows / k ? dims.h / k - tile.row / k : tile.rows / k;
    const int pooled_columns = dims.w / k;
    for (int s = 0; s < tile.samples; ++s) {
      const int n = tile.sample + s;
      const float* from = tile.values + std::int64_t(s) * tile.rows * tile.columns * NR<Isa>;  // (rows,Q,NR)
      float* to =
          y + ((std::int64_t(n) * dims.h + tile.row) * dims.w * dims.c + tile.channel) * (y != nullptr);  // (rows,Q,O)
      BlockSums<Isa> block;
      block.pivot = Pixel<Isa>::read(tile.values + tile.middle(s) * NR<Isa>);
      block.pivot = {block.pivot.a + offset.a, block.pivot.b + offset.b};
      const auto visit = [&](int i, int j) {
        const std::int64_t at = std::int64_t(i) * tile.columns + j;
        Pixel<Isa> v = Pixel<Isa>::read(from + at * NR<Isa>);
        v.a += offset.a;
        v.b += offset.b;
        if (y != nullptr) v.write(to + at * dims.c, tile.width, past_caches);
        block.add(v);
        return v;
      };
      for (int i = 0; i < pooled_rows; ++i) {
        std::int64_t out =
            ((std::int64_t(n) * (dims.h / k) + tile.row / k + i) * pooled_columns) * dims.c + tile.channel;
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
          best.write(pooled + out, tile.width, pooled_past_caches);
          write_argmax<Isa>(argmax + out, a.argmax, b.argmax, tile.width);
        }
      }
      for (int i = 0; i < tile.rows; ++i)  // pixels that no window covers
        for (int j = i < pooled_rows * k ? pooled_columns * k : 0; j < tile.columns; ++j) visit(i, j);
      block.flush(sums + std::int64_t{2} * tile.block * dims.c + tile.channel, dims.c, tile.width,
                  tile.first && s == 0);
    }
  }

  /// The same for 2x2 windows if y is not stored. The weights get gamma's sign, so that every window takes its maximum;
  /// sums are relative to the pixel in the middle. Returns false if a gamma is 0 or a result is not finite.
  [[gnu::noinline]] bool apply(const OutputTile& tile, const FewChannels& x) const {
    if (y != nullptr || k != 2 || tile.rows % 2 != 0 || tile.width != NR<Isa>) return false;
    for (int o = 0; o < NR<Isa>; ++o)
      if (gamma[tile.channel + o] == 0.0f) return false;
    PoolFewChannels<Isa> pool;
    pool.pooled = pooled, pool.argmax = argmax, pool.dims = dims;
    pool.past_caches = pooled_past_caches;
    pool.flip_where_negative(Pixel<Isa>::read(gamma + tile.channel));
    const Pixel<Isa> offset = pool.flipped(Pixel<Isa>::read(bias == nullptr ? nullptr : bias + tile.channel, NR<Isa>));
    const Pixel<Isa> middle =
        pool.load_weights(x, offset, x.tile + tile.rows / 2 * x.row + tile.columns / 2 * x.channels);
    Pixel<Isa>{offset.a - middle.a, offset.b - middle.b}.write(pool.weights, NR<Isa>, false);
    pool.center = pool.flipped(middle);
    for (int s = 0; s < tile.samples; ++s) {
      BlockSums<Isa> block;
      if (!pool.sample(tile, x, s, block)) return false;
      block.flush(sums + std::int64_t{2} * tile.block * dims.c + tile.channel, dims.c, NR<Isa>, tile.first && s == 0);
    }
    return true;
  }
};

/// pooled = the maximum of f(result + bias) in every k x k window (stride k, no padding), where the activation f does
/// not decrease anywhere. The result is not stored.
template <class Isa>
struct PoolEpilogue {
  float* pooled = nullptr;  // (N,P/k,Q/k,O)
  Dims dims;                // of the result, (O,P,Q)
  const float* bias = nullptr;
  int k = 2;
  AppliedActivation<float> activation{true};

  [[nodiscard]] int row_multiple() const { return k; }

  [[gnu::noinline]] void apply(const OutputTile& tile) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + tile.channel, tile.width);
    const int pooled_rows = dims.h / k - tile.row / k < tile.rows / k ? dims.h / k - tile.row / k : tile.rows / k;
    const int pooled_columns = dims.w / k;
    for (int s = 0; s < tile.samples; ++s)
      for (int i = 0; i < pooled_rows; ++i) {
        const std::int64_t row = (std::int64_t(tile.sample + s) * (dims.h / k) + tile.row / k + i) * pooled_columns;
        for (int j = 0; j < pooled_columns; ++j) {
          const float* from =
              tile.values + ((std::int64_t(s) * tile.rows + i * k) * tile.columns + j * k) * NR<Isa>;  // (k,Q,NR)
          Pixel<Isa> best = Pixel<Isa>::read(from);
          for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
              const Pixel<Isa> v = Pixel<Isa>::read(from + (std::int64_t(r) * tile.columns + c) * NR<Isa>);
              best.a = ((v.a > best.a) | (v.a != v.a)) ? v.a : best.a;
              best.b = ((v.b > best.b) | (v.b != v.b)) ? v.b : best.b;
            }
          best = {best.a + offset.a, best.b + offset.b};  // after the maximum, as rounding is monotone
          if (activation.relu)
            best = {cpu::relu<Isa>(best.a), cpu::relu<Isa>(best.b)};
          else
            best = activated(best);
          best.write(pooled + (row + j) * dims.c + tile.channel, tile.width, false);
        }
      }
  }

  /// The same for 2x2 windows, in registers. Returns false if a result is not finite.
  [[gnu::noinline]] bool apply(const OutputTile& tile, const FewChannels& x) const {
    if (k != 2 || tile.width != NR<Isa> || !activation.relu) return false;
    PoolFewChannels<Isa> pool;
    pool.pooled = pooled, pool.dims = dims;
    pool.relu = true;
    pool.load_weights(x, {}, x.tile);
    pool.center = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + tile.channel, NR<Isa>);
    for (int s = 0; s < tile.samples; ++s) {
      BlockSums<Isa> unused;
      if (!pool.sample(tile, x, s, unused)) return false;
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
