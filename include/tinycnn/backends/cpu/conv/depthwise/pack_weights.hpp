// Packs the weights of a depthwise convolution.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/shape.hpp>
#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

/// Floats of the packed weights.
template <class Isa>
constexpr std::int64_t depthwise_packed_floats(const ConvolutionShape& s) {
  return std::int64_t(round_up(s.x.c, NR<Isa>)) * s.taps();
}

/// packed[panel][tap][NR] = w (R,S,1,C); for the input gradient, taps in reverse order.
template <class Isa>
void depthwise_pack(const ConvolutionShape& s, const float* w, bool reversed, float* packed) {
  for (int first = 0; first < s.x.c; first += NR<Isa>)
    for (int tap = 0; tap < s.taps(); ++tap, packed += NR<Isa>) {
      const float* from = w + std::int64_t(reversed ? s.taps() - 1 - tap : tap) * s.x.c + first;
      for (int j = 0; j < NR<Isa>; ++j) packed[j] = first + j < s.x.c ? from[j] : 0.0f;
    }
}

}  // namespace tinycnn::cpu
