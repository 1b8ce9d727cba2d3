// Reduces the gradient of a deferred value for its BatchNorm while it is in the cache: the derivative of the
// activation, and the sums that BatchNorm's backward starts with.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/store.hpp>

namespace tinycnn::cpu {

/// g = (result + add) f'(scale v + shift), computed as in the forward pass; for ReLU, result + add where that is above
/// 0, else 0. Also the sums of g and g (v - mean) per block, for finalize_gradient.
template <class Isa>
struct BatchNormReductionEpilogue {
  float* g = nullptr;  // (N,H,W,C)
  Dims dims;
  const float* add = nullptr;                                       // (N,H,W,C) or null; may be g itself
  const float* v = nullptr;                                         // (N,H,W,C), as stored
  const float *scale = nullptr, *shift = nullptr, *mean = nullptr;  // (C)
  float* sums = nullptr;                                            // (blocks,2,C)
  bool past_caches = false;
  AppliedActivation<float> activation{};

  static constexpr int row_multiple() { return 1; }

  [[gnu::noinline]] void apply(const OutputTile& tile) const {
    if (activation.in_rows()) return EpiloguePasses<Isa>::of(activation).reduce(*this, tile);
    const Pixel<Isa> factor = Pixel<Isa>::read(scale + tile.channel, tile.width);
    const Pixel<Isa> offset = Pixel<Isa>::read(shift + tile.channel, tile.width);
    const Pixel<Isa> center = Pixel<Isa>::read(mean + tile.channel, tile.width);
    Pixel<Isa> sum, product;
    for_pixels<Isa>(tile, dims, [&](const float* from, std::int64_t at) {
      Pixel<Isa> here = Pixel<Isa>::read(from);
      if (add != nullptr) {
        const Pixel<Isa> other = Pixel<Isa>::read(add + at, tile.width);
        here = {here.a + other.a, here.b + other.b};
      }
      const Pixel<Isa> stored = Pixel<Isa>::read(v + at, tile.width);
      here.a = fma<Isa>(stored.a, factor.a, offset.a) > 0.0f ? here.a : Vector<Isa>{};
      here.b = fma<Isa>(stored.b, factor.b, offset.b) > 0.0f ? here.b : Vector<Isa>{};
      sum = {sum.a + here.a, sum.b + here.b};
      product = {fma<Isa>(here.a, stored.a - center.a, product.a), fma<Isa>(here.b, stored.b - center.b, product.b)};
      here.write(g + at, tile.width, past_caches);
    });
    add_sums(tile, sum, product);
  }

  [[gnu::always_inline]] void add_sums(const OutputTile& tile, Pixel<Isa> sum, Pixel<Isa> product) const {
    const bool first =
        tile.first && tile.column == 0 && tile.row % tile.row_step == 0;  // of the tiles and phases of a block
    float* to = sums + std::int64_t{2} * tile.block * dims.c + tile.channel;
    for (Pixel<Isa>* total : {&sum, &product}) {
      if (!first) {
        const Pixel<Isa> before = Pixel<Isa>::read(to, tile.width);
        *total = {total->a + before.a, total->b + before.b};
      }
      total->write(to, tile.width, false);
      to += dims.c;
    }
  }
};

}  // namespace tinycnn::cpu
