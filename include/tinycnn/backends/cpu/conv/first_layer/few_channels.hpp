// Direct 3x3 convolution of images with few channels, the first layer of most networks. Two rows of results at a time
// are computed and pooled in registers, so that only the pooled results are written.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/store.hpp>

namespace tinycnn::cpu {

/// The results of two rows of pixels, `windows` neighbouring 2x2 windows with NR outputs: pixel (i, j) is at index
/// i columns + j.
template <class Isa>
struct TwoRows {
  static constexpr int windows = MR<Isa> / 4, columns = 2 * windows;
  Vector<Isa> left[2 * columns];
  Vector<Isa> right[2 * columns];

  /// Pixel (i, j) = weights[0] + sum over r, s, c of x[i + r, j + s, c] * weights[1 + (r,s,c)], where x starts at
  /// `corner`.
  [[gnu::always_inline]] TwoRows(const FewChannels& x, const float* corner, const float* weights) {
    const Pixel<Isa> start = Pixel<Isa>::read(weights);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * columns; ++i) {
      left[i] = start.a;
      right[i] = start.b;
    }
    weights += NR<Isa>;
    const float *upper = corner, *lower = corner + x.row;  // (S,C)
    std::int64_t pixel = x.channels, three = 3 * pixel;
    const auto opaque = [&]() __attribute__((always_inline)) {
      asm("" : "+r"(upper), "+r"(lower), "+r"(pixel), "+r"(three));  // else g++ keeps eight pointers, or loaded values
    };
    int r = 3;
    do {
      std::int64_t c = pixel;
      do {
        opaque();
        step(upper, lower, pixel, three, weights);
        opaque();
        step(upper + 1, lower + 1, pixel, three, weights + NR<Isa>);
        opaque();
        step(upper + 2, lower + 2, pixel, three, weights + 2 * NR<Isa>);
        upper += 3, lower += 3;
        weights += 3 * NR<Isa>;
      } while (--c > 0);
      upper += x.row - three, lower += x.row - three;
    } while (--r > 0);
  }

  /// Adds pixel i to sums whose pivot is 0.
  [[gnu::always_inline]] void add(int i, BlockSums<Isa>& sums) const {
    sums.sum = {sums.sum.a + left[i], sums.sum.b + right[i]};
    sums.square = {fma<Isa>(left[i], left[i], sums.square.a), fma<Isa>(right[i], right[i], sums.square.b)};
  }

 private:
  /// One step of the depth: x[i, j] * weights[c].
  [[gnu::always_inline]] void step(const float* upper, const float* lower, std::int64_t pixel, std::int64_t three,
                                   const float* weights) {
    const Vector<Isa> a = load<Isa>(weights), b = load<Isa>(weights + Isa::width);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * columns; ++i) {
      const int j = i % columns;
      const Vector<Isa> value = broadcast<Isa>((i < columns ? upper : lower)[j == 3 ? three : j * pixel]);
      left[i] = fma<Isa>(value, a, left[i]);
      right[i] = fma<Isa>(value, b, right[i]);
    }
  }
};

/// Writes the argmax of each of `width` channels as a byte.
template <class Isa>
[[gnu::always_inline]] inline void write_argmax(std::uint8_t* to, IntVector<Isa> a, IntVector<Isa> b, int width) {
  const ByteVector<Isa> bytes[2] = {__builtin_convertvector(a, ByteVector<Isa>),
                                    __builtin_convertvector(b, ByteVector<Isa>)};
  if (width == NR<Isa>) {  // two copies: one would load across both stores and stall
    std::memcpy(to, &bytes[0], Isa::width);
    std::memcpy(to + Isa::width, &bytes[1], Isa::width);
  } else {
    std::memcpy(to, bytes, static_cast<std::size_t>(width));
  }
}

/// Pools the 2x2 windows of a full panel: v = start + products; pooled = center + the window's largest v, with its sign
/// flipped in the channels of `flip_a` and `flip_b` before `center` is added.
template <class Isa>
struct PoolFewChannels {
  float* pooled = nullptr;         // (N,P/2,Q/2,O)
  std::uint8_t* argmax = nullptr;  // row-major index in the window; null: not stored
  Dims dims;                       // (O,P,Q)
  bool relu = false;
  bool past_caches = false;
  Pixel<Isa> center{};
  IntVector<Isa> flip_a{}, flip_b{};
  alignas(64) float weights[(1 + 9 * FewChannels::max_channels) * NR<Isa>];  // (1+9 C,NR)

  void flip_where_negative(const Pixel<Isa>& gamma) {
    constexpr int sign_bit = -0x7fffffff - 1;
    flip_a = (gamma.a < 0.0f) & sign_bit;
    flip_b = (gamma.b < 0.0f) & sign_bit;
  }
  [[gnu::always_inline]] Pixel<Isa> flipped(const Pixel<Isa>& v) const {
    return {reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(v.a) ^ flip_a),
            reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(v.b) ^ flip_b)};
  }

  /// Copies `start` and then the panel's weights, flipped, to `weights`. Returns the result for the patch at `patch`.
  Pixel<Isa> load_weights(const FewChannels& x, const Pixel<Isa>& start, const float* patch) {
    start.write(weights, NR<Isa>, false);
    Pixel<Isa> result = start;
    std::int64_t at = 0;
    for (int r = 0; r < FewChannels::kernel; ++r)
      for (int i = 0; i < FewChannels::kernel * x.channels; ++i, at += NR<Isa>) {
        const Pixel<Isa> w = flipped(Pixel<Isa>::read(x.weights + at));
        const Vector<Isa> value = broadcast<Isa>(patch[r * x.row + i]);
        w.write(weights + NR<Isa> + at, NR<Isa>, false);
        result = {fma<Isa>(value, w.a, result.a), fma<Isa>(value, w.b, result.b)};
      }
    return result;
  }

  /// Pools sample s of the tile. `sums`, with the pivot `center`, are over all pixels of its complete pairs of rows.
  /// Returns false if one of them is not finite; then pooled results may be wrong.
  [[gnu::noinline]] bool sample(const OutputTile& tile, const FewChannels& from, int s, BlockSums<Isa>& sums) const {
    const FewChannels x = from;  // a copy, since any store might change the original
    float* const to = pooled;
    std::uint8_t* const argmax_out = argmax;
    const bool clips = relu, streams = past_caches;
    BlockSums<Isa> block;
    const std::int64_t pixel = dims.c;
    for (int i = 0; i + 1 < tile.rows; i += 2) {
      const float* corner = x.tile + s * x.sample + i * x.row;
      std::int64_t out =
          ((std::int64_t(tile.sample + s) * (dims.h / 2) + (tile.row + i) / 2) * (dims.w / 2)) * pixel + tile.channel;
      for (int left = tile.columns; left > 0; left -= TwoRows<Isa>::columns) {
        const TwoRows<Isa> v(x, corner, weights);
        corner += TwoRows<Isa>::columns * x.channels;
        const auto add_window = [&]<int W>() __attribute__((always_inline)) {
          constexpr int i0 = 2 * W, i1 = i0 + 1, i2 = i0 + TwoRows<Isa>::columns, i3 = i2 + 1;
          if (left <= 2 * W) return;
          v.add(i0, block);
          v.add(i2, block);
          if (left == 2 * W + 1) return;
          v.add(i1, block);
          v.add(i3, block);
          const Largest a(v.left[i0], v.left[i1], v.left[i2], v.left[i3]);
          const Largest b(v.right[i0], v.right[i1], v.right[i2], v.right[i3]);
          Pixel<Isa> best = flipped({a.best, b.best});
          best = {best.a + center.a, best.b + center.b};
          if (clips) best = {cpu::relu<Isa>(best.a), cpu::relu<Isa>(best.b)};
          best.write(to + out, NR<Isa>, streams);
          if (argmax_out != nullptr) write_argmax<Isa>(argmax_out + out, a.argmax, b.argmax, NR<Isa>);
          out += pixel;
        };
        add_window.template operator()<0>();
        if constexpr (TwoRows<Isa>::windows > 1) add_window.template operator()<1>();
      }
    }
    sums.pivot = center;
    sums.sum = flipped(block.sum);
    sums.square = block.square;
    sums.count = tile.rows / 2 * 2 * tile.columns;
    float squares[NR<Isa>];
    block.square.write(squares, NR<Isa>, false);
    bool finite = true;
    for (const float square : squares) finite &= square - square == 0.0f;
    return finite;
  }

 private:
  /// The largest of a window's four elements, the first if several are equal; none may be NaN.
  struct Largest {
    Vector<Isa> best;
    IntVector<Isa> argmax;
    [[gnu::always_inline]] Largest(Vector<Isa> v0, Vector<Isa> v1, Vector<Isa> v2, Vector<Isa> v3) {
      const Vector<Isa> upper = v1 > v0 ? v1 : v0, lower = v3 > v2 ? v3 : v2;
      const IntVector<Isa> one = IntVector<Isa>{} + 1;
      const IntVector<Isa> in_upper = v1 > v0 ? one : IntVector<Isa>{}, in_lower = v3 > v2 ? one + 2 : one + 1;
      best = lower > upper ? lower : upper;
      argmax = lower > upper ? in_lower : in_upper;
    }
  };
};

}  // namespace tinycnn::cpu
