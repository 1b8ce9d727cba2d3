// Epilogues that store a convolution's output tiles while they are in the cache: sum, ReLU, BatchNorm's statistics.
#pragma once

#include <tinycnn/backends/applied_activation.hpp>
#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>

#include <cstdint>

namespace tinycnn::cpu {

/// Two registers: the NR channels of one pixel.
template <class Isa>
struct Pixel {
  Vector<Isa> a{};
  Vector<Isa> b{};

  [[gnu::always_inline]] static Pixel read(const float* from) {
    return {load<Isa>(from), load<Isa>(from + Isa::width)};
  }

  /// The first `width` of NR elements, the others zero; all zero if `from` is null.
  static Pixel read(const float* from, int width) {
    if (from == nullptr) return {};
    if (width == NR<Isa>) return read(from);
    float row[NR<Isa>] = {};
    std::memcpy(row, from, sizeof(float) * static_cast<std::size_t>(width));
    return read(row);
  }

  [[gnu::always_inline]] void write(float* to, int width, bool past_caches) const {
    if (width == Isa::width) {
      store<Isa>(to, a);
    } else if (width != NR<Isa>) {
      float row[NR<Isa>];
      store<Isa>(row, a);
      store<Isa>(row + Isa::width, b);
      std::memcpy(to, row, sizeof(float) * static_cast<std::size_t>(width));
    } else if (past_caches) {
      stream<Isa>(to, a);
      stream<Isa>(to + Isa::width, b);
    } else {
      store<Isa>(to, a);
      store<Isa>(to + Isa::width, b);
    }
  }
};

/// Whether to write y (N,H,W,C) past the caches: if it is larger than they are and every full panel starts on a
/// register boundary. (The panels of a depthwise convolution span its groups.)
template <class Isa>
bool streams(const float* y, const Dims& dims, int n, int groups = 1) {
  return n * dims.size() >= (std::int64_t{4} << 20) && (groups == dims.c || dims.c / groups % NR<Isa> == 0) &&
         reinterpret_cast<std::uintptr_t>(y) % (4 * Isa::width) == 0;
}

/// Calls f(values, at) for every pixel of an output tile: its NR values, and their offset in (N,H,W,C).
template <class Isa, class F>
[[gnu::always_inline]] inline void for_pixels(const OutputTile& tile, const Dims& dims, F&& f) {
  const float* from = tile.values;
  const std::int64_t pixel = std::int64_t(tile.column_step) * dims.c;
  for (int s = 0; s < tile.samples; ++s)
    for (int i = 0; i < tile.rows; ++i) {
      std::int64_t at =
          ((std::int64_t(tile.sample + s) * dims.h + tile.row + std::int64_t(i) * tile.row_step) * dims.w +
           tile.column) *
              dims.c +
          tile.channel;
      for (int left = tile.columns; left > 0; --left, from += NR<Isa>, at += pixel) f(from, at);
    }
}

template <class Isa>
struct StoreEpilogue;
template <class Isa>
struct BatchNormReductionEpilogue;

/// What epilogues do for an activation that runs over rows. They find it through the plan, so that a network whose
/// activations are all ReLU compiles none of it.
template <class Isa>
struct EpiloguePasses {
  void (*store)(const StoreEpilogue<Isa>&, const OutputTile&);
  void (*reduce)(const BatchNormReductionEpilogue<Isa>&, const OutputTile&);

  static const EpiloguePasses& of(const AppliedActivation<float>& activation) {
    return *static_cast<const EpiloguePasses*>(activation.passes);
  }
};

/// y = f(result + bias + add). The activation f, bias (C) and add (N,H,W,C; may be y itself) are optional.
template <class Isa>
struct StoreEpilogue {
  float* y = nullptr;  // (N,H,W,C)
  Dims dims;
  const float* bias = nullptr;
  const float* add = nullptr;
  AppliedActivation<float> activation{};
  bool past_caches = false;  // see streams()

  static constexpr int row_multiple() { return 1; }

  [[gnu::noinline]] void apply(const OutputTile& tile) const {
    if (activation.in_rows()) return EpiloguePasses<Isa>::of(activation).store(*this, tile);
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + tile.channel, tile.width);
    // The lambda captures copies, since any store might change the members.
    for_pixels<Isa>(tile, dims,
                    [offset, to = y, other = add, clip = activation.relu, width = tile.width, past = past_caches](
                        const float* from, std::int64_t at) {
                      Pixel<Isa> v = Pixel<Isa>::read(from);
                      v.a += offset.a;
                      v.b += offset.b;
                      if (other != nullptr) {
                        const Pixel<Isa> term = Pixel<Isa>::read(other + at, width);
                        v.a += term.a;
                        v.b += term.b;
                      }
                      if (clip) v = {cpu::relu<Isa>(v.a), cpu::relu<Isa>(v.b)};
                      v.write(to + at, width, past);
                    });
  }
};

/// Sums of v and v^2 per channel, for NR channels, over one sample's pixels of an output tile. Within the tile they are
/// f32 sums of v - pivot, where the pivot is the pixel in the middle, so that neither mean nor variance loses precision
/// if the mean is far from 0; `flush` converts them to double sums of v.
template <class Isa>
struct BlockSums {
  Pixel<Isa> pivot;
  Pixel<Isa> sum;
  Pixel<Isa> square;
  int count = 0;

  [[gnu::always_inline]] void add(const Pixel<Isa>& v) {
    ++count;
    const Pixel<Isa> off{v.a - pivot.a, v.b - pivot.b};
    sum.a += off.a;
    sum.b += off.b;
    square.a = fma<Isa>(off.a, off.a, square.a);
    square.b = fma<Isa>(off.b, off.b, square.b);
  }

  /// Adds to `to` (2,C), the sums and the sums of squares of one block; if `first`, overwrites it.
  [[gnu::always_inline]] void flush(double* to, int channels, int width, bool first) const {
    const BlockSums copy = *this;  // only the copy needs an address, so the sums stay in registers
    copy.write(to, channels, width, first);
  }

 private:
  [[gnu::noinline]] void write(double* to, int channels, int width, bool first) const {
    float centers[NR<Isa>], offs[NR<Isa>], squares[NR<Isa>];
    pivot.write(centers, NR<Isa>, false);
    sum.write(offs, NR<Isa>, false);
    square.write(squares, NR<Isa>, false);
    double sums[2][NR<Isa>];
    for (int k = 0; k < NR<Isa>; ++k) {
      const double center = double(centers[k]), off = double(offs[k]);
      sums[0][k] = off + count * center;
      sums[1][k] = double(squares[k]) + center * (2 * off + count * center);
    }
    for (const auto& row : sums) {
      for (int k = 0; k < width; ++k) to[k] = (first ? 0.0 : to[k]) + row[k];
      to += channels;
    }
  }
};

/// y = result + bias, and for BatchNorm sums[block][0][c] = sum of y, sums[block][1][c] = sum of y^2 over the block.
/// Added in the blocks' order, they give the same sums of the batch on any number of threads.
template <class Isa>
struct StatisticsEpilogue {
  float* y = nullptr;  // (N,P,Q,O)
  Dims dims;
  const float* bias = nullptr;  // (O) or null
  double* sums = nullptr;       // (blocks,2,O)
  bool past_caches = false;

  static constexpr int row_multiple() { return 1; }

  [[gnu::noinline]] void apply(const OutputTile& tile) const {
    const Pixel<Isa> offset = Pixel<Isa>::read(bias == nullptr ? nullptr : bias + tile.channel, tile.width);
    const float* from = tile.values;
    for (int s = 0; s < tile.samples; ++s) {
      BlockSums<Isa> block;
      block.pivot = Pixel<Isa>::read(tile.values + tile.middle(s) * NR<Isa>);
      block.pivot = {block.pivot.a + offset.a, block.pivot.b + offset.b};
      for (int i = 0; i < tile.rows; ++i) {
        float* to = y + ((std::int64_t(tile.sample + s) * dims.h + tile.row + i) * dims.w + tile.column) * dims.c +
                    tile.channel;
        for (int j = 0; j < tile.columns; ++j, from += NR<Isa>, to += dims.c) {
          Pixel<Isa> v = Pixel<Isa>::read(from);
          v.a += offset.a;
          v.b += offset.b;
          v.write(to, tile.width, past_caches);
          block.add(v);
        }
      }
      block.flush(sums + std::int64_t{2} * tile.block * dims.c + tile.channel, dims.c, tile.width,
                  tile.first && s == 0);
    }
  }
};

}  // namespace tinycnn::cpu
