// Reduces the gradient of a deferred value for its BatchNorm while it is in the cache: the derivative of the
// activation, and the sums that BatchNorm's backward starts with.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/store.hpp>

namespace tinycnn::cpu {

/// g = (result + add) f'(scale v + shift), in the forward pass's own expression; for ReLU, result + add where that is
/// above 0, else 0. And of every block the sums of g and g (v - mean), which finalize_gradient takes.
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

  [[gnu::noinline]] void apply(const OutputTile& p) const {
    if (activation.in_rows()) return EpiloguePasses<Isa>::of(activation).reduce(*this, p);
    const Pixel<Isa> factor = Pixel<Isa>::read(scale + p.channel, p.width);
    const Pixel<Isa> offset = Pixel<Isa>::read(shift + p.channel, p.width);
    const Pixel<Isa> center = Pixel<Isa>::read(mean + p.channel, p.width);
    Pixel<Isa> sum, product;
    for_pixels<Isa>(p, dims, [&](const float* from, std::int64_t at) {
      Pixel<Isa> here = Pixel<Isa>::read(from);
      if (add != nullptr) {
        const Pixel<Isa> other = Pixel<Isa>::read(add + at, p.width);
        here = {here.a + other.a, here.b + other.b};
      }
      const Pixel<Isa> stored = Pixel<Isa>::read(v + at, p.width);
      here.a = fma<Isa>(stored.a, factor.a, offset.a) > 0.0f ? here.a : Vector<Isa>{};
      here.b = fma<Isa>(stored.b, factor.b, offset.b) > 0.0f ? here.b : Vector<Isa>{};
      sum = {sum.a + here.a, sum.b + here.b};
      product = {fma<Isa>(here.a, stored.a - center.a, product.a), fma<Isa>(here.b, stored.b - center.b, product.b)};
      here.write(g + at, p.width, past_caches);
    });
    add_sums(p, sum, product);
  }

  [[gnu::always_inline]] void add_sums(const OutputTile& p, Pixel<Isa> sum, Pixel<Isa> product) const {
    const bool first = p.first && p.column == 0 && p.row % p.row_step == 0;  // of the tiles and phases of a block
    float* to = sums + std::int64_t{2} * p.block * dims.c + p.channel;
    for (Pixel<Isa>* total : {&sum, &product}) {
      if (!first) {
        const Pixel<Isa> before = Pixel<Isa>::read(to, p.width);
        *total = {total->a + before.a, total->b + before.b};
      }
      total->write(to, p.width, false);
      to += dims.c;
    }
  }
};

}  // namespace tinycnn::cpu
