// Max-pooling a convolution's result while it is hot: with BatchNorm's sums for training, with ReLU for inference.
#pragma once

#include <tinycnn/backends/cpu/convolution_few_channels.hpp>

namespace tinycnn::cpu {

/// The running extreme of a window, per channel: largest where gamma > 0, smallest where gamma < 0, the first element
/// where gamma = 0. Ties keep the first; NaN wins, and the last NaN is the one kept, as torch's max_pool2d.
template <class Isa>
struct Extreme {
  Vector<Isa> best;         // with the sign bit flipped where gamma < 0
  IntVector<Isa> position;  // in the window, row by row

  [[gnu::always_inline]] void offer(Vector<Isa> v, int place, IntVector<Isa> flip, IntVector<Isa> live) {
    const Vector<Isa> signed_v = flipped(v, flip);
    const IntVector<Isa> take = ((signed_v > best) | (signed_v != signed_v)) & live;
    best = take ? signed_v : best;
    position = take ? IntVector<Isa>{} + place : position;
  }

  [[gnu::always_inline]] static Vector<Isa> flipped(Vector<Isa> v, IntVector<Isa> flip) {
    return reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(v) ^ flip);
  }
};

/// y = result + bias with BatchNorm's sums as StatisticsEpilogue, and of every k x k window (stride k, no padding) the
/// element that is the largest after the normalisation: pooled = its value before it, index = its place in the window.
/// Rows and columns no window covers still count in the sums.
template <class Isa>
struct StatisticsPoolEpilogue {
  float* y = nullptr;  // (N,P,Q,O); null: not stored
  Dims dims;
  const float* bias = nullptr;    // (O) or null
  const float* gamma = nullptr;   // (O)
  double* sums = nullptr;         // (blocks,2,O), blocks with row_multiple = k
  float* pooled = nullptr;        // (N,P/k,Q/k,O)
  std::uint8_t* index = nullptr;  // (N,P/k,Q/k,O)
  int k = 2;
  bool past_caches = false;  // y
  bool pooled_past_caches = false;

  [[nodiscard]] int row_multiple() const { return k; }

  [[gnu::noinline]] void panel(const Panel& p) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, p.width);
    const Pixel<Isa> sign = Pixel<Isa>::read(gamma + p.channel, p.width);
    constexpr int sign_bit = -0x7fffffff - 1;
    const IntVector<Isa> flip_a = (sign.a < 0.0f) & sign_bit, flip_b = (sign.b < 0.0f) & sign_bit;
    const IntVector<Isa> live_a = sign.a != 0.0f, live_b = sign.b != 0.0f;
    const int pooled_rows = dims.h / k - p.row / k < p.rows / k ? dims.h / k - p.row / k : p.rows / k;
    const int pooled_columns = dims.w / k;
    for (int s = 0; s < p.samples; ++s) {
      const int n = p.sample + s;
      const float* from = p.values + long(s) * p.rows * p.columns * NR<Isa>;                        // (rows,Q,NR)
      float* to = y + ((long(n) * dims.h + p.row) * dims.w * dims.c + p.channel) * (y != nullptr);  // (rows,Q,O)
      BlockSums<Isa> block;
      const auto visit = [&](int i, int j) {
        const long at = long(i) * p.columns + j;
        Pixel<Isa> v = Pixel<Isa>::read(from + at * NR<Isa>);
        v.a += offset.a;
        v.b += offset.b;
        if (y != nullptr) v.write(to + at * dims.c, p.width, past_caches);
        block.add(v);
        return v;
      };
      for (int i = 0; i < pooled_rows; ++i) {
        long out = ((long(n) * (dims.h / k) + p.row / k + i) * pooled_columns) * dims.c + p.channel;
        for (int j = 0; j < pooled_columns; ++j, out += dims.c) {
          const Pixel<Isa> head = visit(i * k, j * k);
          Extreme<Isa> a{Extreme<Isa>::flipped(head.a, flip_a), {}};
          Extreme<Isa> b{Extreme<Isa>::flipped(head.b, flip_b), {}};
          for (int place = 1, r = 0, c = 1; place < k * k; ++place, ++c) {
            if (c == k) c = 0, ++r;
            const Pixel<Isa> v = visit(i * k + r, j * k + c);
            a.offer(v.a, place, flip_a, live_a);
            b.offer(v.b, place, flip_b, live_b);
          }
          const Pixel<Isa> best{Extreme<Isa>::flipped(a.best, flip_a), Extreme<Isa>::flipped(b.best, flip_b)};
          best.write(pooled + out, p.width, pooled_past_caches);
          write_index(index + out, a.position, b.position, p.width);
        }
        for (int r = 0; r < k; ++r)
          for (int c = pooled_columns * k; c < p.columns; ++c) visit(i * k + r, c);
      }
      for (int i = pooled_rows * k; i < p.rows; ++i)
        for (int j = 0; j < p.columns; ++j) visit(i, j);
      block.flush(sums + 2L * p.block * dims.c + p.channel, dims.c, p.width, p.first && s == 0);
    }
  }

  /// The same for 2x2 windows of what stays in registers and is not stored. Weights take gamma's sign, so that all
  /// windows ask for their largest; results are taken about the block's first one. No where a gamma is 0 or a result
  /// not finite.
  [[gnu::noinline]] bool panel(const Panel& p, const FewChannels& x) const {
    if (y != nullptr || k != 2 || p.rows % 2 != 0 || p.width != NR<Isa>) return false;
    for (int o = 0; o < NR<Isa>; ++o)
      if (gamma[p.channel + o] == 0.0f) return false;
    const Flip flip(Pixel<Isa>::read(gamma + p.channel));
    alignas(64) float weights[9 * FewChannels::channels_most * NR<Isa>];  // (3,3,C,NR)
    const Pixel<Isa> offset = flip(Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, p.width));
    Pixel<Isa> pivot = offset;
    for (int r = 0, e = 0; r < 3; ++r)
      for (int i = 0; i < 3 * x.channels; ++i, e += NR<Isa>) {
        const Pixel<Isa> w = flip(Pixel<Isa>::read(x.weights + e));
        const Vector<Isa> value = broadcast<Isa>(x.tile[r * x.row + i]);
        w.write(weights + e, NR<Isa>, false);
        pivot = {fma<Isa>(value, w.a, pivot.a), fma<Isa>(value, w.b, pivot.b)};
      }
    const Pixel<Isa> start{offset.a - pivot.a, offset.b - pivot.b}, center = flip(pivot);
    const long pixel = dims.c;
    for (int s = 0; s < p.samples; ++s) {
      BlockSums<Isa> block;
      for (int i = 0; i < p.rows; i += 2) {
        const float* corner = x.tile + s * x.sample + i * x.row;
        long out = ((long(p.sample + s) * (dims.h / 2) + (p.row + i) / 2) * (dims.w / 2)) * pixel + p.channel;
        for (int left = p.columns; left > 0; left -= TwoRows<Isa>::columns) {
          const TwoRows<Isa> v(x, corner, weights, start);
          corner += TwoRows<Isa>::columns * x.channels;
          const auto add = [&](Vector<Isa> a, Vector<Isa> b) __attribute__((always_inline)) {
            block.sum = {block.sum.a + a, block.sum.b + b};
            block.square = {fma<Isa>(a, a, block.square.a), fma<Isa>(b, b, block.square.b)};
          };
          const auto take = [&]<int W>() __attribute__((always_inline)) {
            constexpr int i0 = 2 * W, i1 = i0 + 1, i2 = i0 + TwoRows<Isa>::columns, i3 = i2 + 1;
            if (left <= 2 * W) return;
            add(v.left[i0], v.right[i0]);
            add(v.left[i2], v.right[i2]);
            if (left == 2 * W + 1) return;
            add(v.left[i1], v.right[i1]);
            add(v.left[i3], v.right[i3]);
            const Largest a(v.left[i0], v.left[i1], v.left[i2], v.left[i3]);
            const Largest b(v.right[i0], v.right[i1], v.right[i2], v.right[i3]);
            Pixel<Isa> best = flip({a.best, b.best});
            best = {best.a + center.a, best.b + center.b};
            best.write(pooled + out, NR<Isa>, pooled_past_caches);
            write_index(index + out, a.position, b.position, NR<Isa>);
            out += pixel;
          };
          take.template operator()<0>();
          if constexpr (TwoRows<Isa>::windows > 1) take.template operator()<1>();
        }
      }
      if (!finite(block.square)) return false;
      block.pivot = center;
      block.sum = flip(block.sum);
      block.count = p.rows * p.columns;
      block.flush(sums + 2L * p.block * dims.c + p.channel, dims.c, NR<Isa>, p.first && s == 0);
    }
    return true;
  }

 private:
  /// The sign of gamma, put on or taken off.
  struct Flip {
    IntVector<Isa> a, b;
    explicit Flip(const Pixel<Isa>& gamma)
        : a((gamma.a < 0.0f) & (-0x7fffffff - 1)), b((gamma.b < 0.0f) & (-0x7fffffff - 1)) {}
    [[gnu::always_inline]] Pixel<Isa> operator()(const Pixel<Isa>& v) const {
      return {Extreme<Isa>::flipped(v.a, a), Extreme<Isa>::flipped(v.b, b)};
    }
  };

  /// The first largest of a window's four numbers, none of them NaN.
  struct Largest {
    Vector<Isa> best;
    IntVector<Isa> position;
    [[gnu::always_inline]] Largest(Vector<Isa> v0, Vector<Isa> v1, Vector<Isa> v2, Vector<Isa> v3) {
      const Vector<Isa> upper = v1 > v0 ? v1 : v0, lower = v3 > v2 ? v3 : v2;
      const IntVector<Isa> one = IntVector<Isa>{} + 1;
      const IntVector<Isa> in_upper = v1 > v0 ? one : IntVector<Isa>{}, in_lower = v3 > v2 ? one + 2 : one + 1;
      best = lower > upper ? lower : upper;
      position = lower > upper ? in_lower : in_upper;
    }
  };

  static bool finite(const Pixel<Isa>& v) {
    float numbers[NR<Isa>];
    v.write(numbers, NR<Isa>, false);
    bool all = true;
    for (float number : numbers) all &= number - number == 0.0f;
    return all;
  }

  [[gnu::always_inline]] static void write_index(std::uint8_t* to, IntVector<Isa> a, IntVector<Isa> b, int width) {
    const ByteVector<Isa> bytes[2] = {__builtin_convertvector(a, ByteVector<Isa>),
                                      __builtin_convertvector(b, ByteVector<Isa>)};
    if (width == NR<Isa>) {
      std::memcpy(to, &bytes[0], Isa::width);
      std::memcpy(to + Isa::width, &bytes[1], Isa::width);
    } else {
      std::memcpy(to, bytes, static_cast<std::size_t>(width));
    }
  }
};

/// pooled = max over every k x k window (stride k, no padding) of relu(result + bias); the result itself is not stored.
template <class Isa>
struct PoolEpilogue {
  float* pooled = nullptr;  // (N,P/k,Q/k,O)
  Dims dims;                // of the result, (O,P,Q)
  const float* bias = nullptr;
  int k = 2;

  [[nodiscard]] int row_multiple() const { return k; }

  [[gnu::noinline]] void panel(const Panel& p) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, p.width);
    const int pooled_rows = dims.h / k - p.row / k < p.rows / k ? dims.h / k - p.row / k : p.rows / k;
    const int pooled_columns = dims.w / k;
    for (int s = 0; s < p.samples; ++s)
      for (int i = 0; i < pooled_rows; ++i) {
        const long row = (long(p.sample + s) * (dims.h / k) + p.row / k + i) * pooled_columns;
        for (int j = 0; j < pooled_columns; ++j) {
          const float* from = p.values + ((long(s) * p.rows + i * k) * p.columns + j * k) * NR<Isa>;  // (k,Q,NR)
          Pixel<Isa> best = Pixel<Isa>::read(from);
          for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
              const Pixel<Isa> v = Pixel<Isa>::read(from + (long(r) * p.columns + c) * NR<Isa>);
              best.a = ((v.a > best.a) | (v.a != v.a)) ? v.a : best.a;
              best.b = ((v.b > best.b) | (v.b != v.b)) ? v.b : best.b;
            }
          best = {best.a + offset.a, best.b + offset.b};  // rounding is monotone, so once after the maximum is enough
          best = {cpu::relu<Isa>(best.a), cpu::relu<Isa>(best.b)};
          best.write(pooled + (row + j) * dims.c + p.channel, p.width, false);
        }
      }
  }

  /// The same from registers. No unless the windows are 2x2 and the panel full.
  [[gnu::noinline]] bool panel(const Panel& p, const FewChannels& x) const {
    if (k != 2 || p.width != NR<Isa>) return false;
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + p.channel, NR<Isa>);
    const long pixel = dims.c;
    for (int s = 0; s < p.samples; ++s)
      for (int i = 0; i + 1 < p.rows; i += 2) {
        const float* corner = x.tile + s * x.sample + i * x.row;
        float* to = pooled + (long(p.sample + s) * (dims.h / 2) + (p.row + i) / 2) * (dims.w / 2) * pixel + p.channel;
        for (int left = p.columns / 2; left > 0; left -= TwoRows<Isa>::windows) {
          const TwoRows<Isa> v(x, corner, x.weights, {});
          corner += TwoRows<Isa>::columns * x.channels;
          const auto take = [&]<int W>() __attribute__((always_inline)) {
            if (left <= W) return;
            constexpr int i0 = 2 * W, i1 = i0 + 1, i2 = i0 + TwoRows<Isa>::columns, i3 = i2 + 1;
            Pixel<Isa> best{largest(largest(v.left[i0], v.left[i1]), largest(v.left[i2], v.left[i3])),
                            largest(largest(v.right[i0], v.right[i1]), largest(v.right[i2], v.right[i3]))};
            best = {cpu::relu<Isa>(best.a + offset.a), cpu::relu<Isa>(best.b + offset.b)};
            best.write(to, NR<Isa>, false);
            to += pixel;
          };
          take.template operator()<0>();
          if constexpr (TwoRows<Isa>::windows > 1) take.template operator()<1>();
        }
      }
    return true;
  }

 private:
  /// NaN where one of them is.
  [[gnu::always_inline]] static Vector<Isa> largest(Vector<Isa> a, Vector<Isa> b) {
    return ((b > a) | (b != b)) ? b : a;
  }
};

}  // namespace tinycnn::cpu
