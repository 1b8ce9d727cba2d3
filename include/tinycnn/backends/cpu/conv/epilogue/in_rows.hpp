// The epilogues for an activation that runs over rows: of several pixels' results at a time, in the first-level cache.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/batch_norm_reduction.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/store.hpp>

namespace tinycnn::cpu {

/// Some pixels' results, NR values each, and where they belong.
template <class Isa>
struct HotPixels {
  static constexpr int capacity = 32;
  alignas(64) float values[capacity * NR<Isa>];
  std::int64_t at[capacity];
  int count = 0;

  [[nodiscard]] bool full() const { return count == capacity; }
  [[gnu::always_inline]] void push(const Pixel<Isa>& v, std::int64_t to) {
    v.write(values + count * NR<Isa>, NR<Isa>, false);
    at[count++] = to;
  }
};

/// StoreEpilogue::apply for such an activation.
template <class Isa>
void store_in_rows(const StoreEpilogue<Isa>& e, const OutputTile& p) {
  const Pixel<Isa> offset = Pixel<Isa>::read(e.bias == nullptr ? nullptr : e.bias + p.channel, p.width);
  HotPixels<Isa> hot;
  const auto flush = [&] {
    e.activation.apply(hot.values, hot.count * NR<Isa>);
    for (int i = 0; i < hot.count; ++i)
      Pixel<Isa>::read(hot.values + i * NR<Isa>).write(e.y + hot.at[i], p.width, e.past_caches);
    hot.count = 0;
  };
  for_pixels<Isa>(p, e.dims, [&](const float* from, std::int64_t at) {
    const Pixel<Isa> v = Pixel<Isa>::read(from);
    const Pixel<Isa> term = Pixel<Isa>::read(e.add == nullptr ? nullptr : e.add + at, p.width);
    hot.push({v.a + offset.a + term.a, v.b + offset.b + term.b}, at);
    if (hot.full()) flush();
  });
  flush();
}

/// BatchNormReductionEpilogue::apply for such an activation.
template <class Isa>
void reduce_in_rows(const BatchNormReductionEpilogue<Isa>& e, const OutputTile& p) {
  const Pixel<Isa> factor = Pixel<Isa>::read(e.scale + p.channel, p.width);
  const Pixel<Isa> offset = Pixel<Isa>::read(e.shift + p.channel, p.width);
  const Pixel<Isa> center = Pixel<Isa>::read(e.mean + p.channel, p.width);
  Pixel<Isa> sum, product;
  HotPixels<Isa> x, dy;
  const auto flush = [&] {
    e.activation.multiply_by_derivative(x.values, dy.values, x.count * NR<Isa>);
    for (int i = 0; i < x.count; ++i) {
      const Pixel<Isa> here = Pixel<Isa>::read(dy.values + i * NR<Isa>);
      const Pixel<Isa> stored = Pixel<Isa>::read(e.v + x.at[i], p.width);
      sum = {sum.a + here.a, sum.b + here.b};
      product = {fma<Isa>(here.a, stored.a - center.a, product.a), fma<Isa>(here.b, stored.b - center.b, product.b)};
      here.write(e.g + x.at[i], p.width, e.past_caches);
    }
    x.count = dy.count = 0;
  };
  for_pixels<Isa>(p, e.dims, [&](const float* from, std::int64_t at) {
    const Pixel<Isa> here = Pixel<Isa>::read(from), stored = Pixel<Isa>::read(e.v + at, p.width);
    const Pixel<Isa> other = Pixel<Isa>::read(e.add == nullptr ? nullptr : e.add + at, p.width);
    x.push({fma<Isa>(stored.a, factor.a, offset.a), fma<Isa>(stored.b, factor.b, offset.b)}, at);
    dy.push({here.a + other.a, here.b + other.b}, at);
    if (x.full()) flush();
  });
  flush();
  e.add_sums(p, sum, product);
}

}  // namespace tinycnn::cpu
