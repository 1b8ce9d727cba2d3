// Finishing the gradient of a pending value while it is hot: the ReLU's mask, and the sums BatchNorm's backward starts
// with.
#pragma once

#include <tinycnn/backends/cpu/convolution_epilogues.hpp>

namespace tinycnn::cpu {

/// g = result + add where scale v + shift > 0, in the forward pass's own expression, else 0; and of every block the
/// sums of g and g (v - mean), which finish_gradient takes.
template <class Isa>
struct FinishEpilogue {
  float* g = nullptr;  // (N,H,W,C)
  Dims dims;
  const float* add = nullptr;                                       // (N,H,W,C) or null; may be g itself
  const float* v = nullptr;                                         // (N,H,W,C), as stored
  const float *scale = nullptr, *shift = nullptr, *mean = nullptr;  // (C)
  float* sums = nullptr;                                            // (blocks,2,C)
  bool past_caches = false;

  static constexpr int row_multiple() { return 1; }

  [[gnu::noinline]] void panel(const Panel& p) const {
    const Pixel<Isa> factor = Pixel<Isa>::read(scale + p.channel, p.width);
    const Pixel<Isa> offset = Pixel<Isa>::read(shift + p.channel, p.width);
    const Pixel<Isa> center = Pixel<Isa>::read(mean + p.channel, p.width);
    Pixel<Isa> sum, product;
    for_pixels<Isa>(p, dims, [&](const float* from, long at) {
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
    const bool first = p.first && p.column == 0 && p.row % p.row_step == 0;  // of the pieces and phases of a block
    float* to = sums + 2L * p.block * dims.c + p.channel;
    for (Pixel<Isa>* part : {&sum, &product}) {
      if (!first) {
        const Pixel<Isa> before = Pixel<Isa>::read(to, p.width);
        *part = {part->a + before.a, part->b + before.b};
      }
      part->write(to, p.width, false);
      to += dims.c;
    }
  }
};

}  // namespace tinycnn::cpu
