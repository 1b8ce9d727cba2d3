// Loops over pixels with contiguous channels: the batch in fixed blocks of pixels, the channels one register at a time.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

/// Loads a register of channels or a single one, as the type V says.
template <class V>
  requires(!requires { V::width; })
[[gnu::always_inline]] inline V load(const float* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class V>
  requires(!requires { V::width; })
[[gnu::always_inline]] inline void store(float* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

/// Loads one byte per element of a register (or a single one), converted to integers.
template <class Isa>
[[gnu::always_inline]] inline int load_bytes(float, const unsigned char* from) {
  return *from;
}
template <class Isa>
[[gnu::always_inline]] inline IntVector<Isa> load_bytes(Vector<Isa>, const unsigned char* from) {
  return widen<Isa>(from);
}

/// Calls f(V{}, c) for all channels: V is a register while a whole one is left, then a float for each remaining
/// channel.
template <class Isa, class F>
[[gnu::always_inline]] inline void for_channels(int channels, F&& f) {
  int c = 0;
  for (; c + Isa::width <= channels; c += Isa::width) f(Vector<Isa>{}, c);
  for (; c < channels; ++c) {
    asm("" : "+r"(c));  // keeps g++ from vectorizing the remainder
    f(0.0f, c);
  }
}

/// Divides a batch into fixed blocks of at most `size` pixels of one sample, so that partial sums belong to a block and
/// never to a thread.
struct PixelBlocks {
  static constexpr int size = 256;
  std::int64_t pixels = 0;
  int per_sample = 0;

  constexpr explicit PixelBlocks(std::int64_t pixels_of_sample)
      : pixels(pixels_of_sample), per_sample(int((pixels_of_sample + size - 1) / size)) {}
  [[nodiscard]] constexpr int count(int n) const { return n * per_sample; }
  [[nodiscard]] constexpr int sample(int block) const { return block / per_sample; }
  /// The first pixel of a block within its sample, and its number of pixels.
  [[nodiscard]] constexpr std::int64_t first(int block) const { return std::int64_t(block % per_sample) * size; }
  [[nodiscard]] constexpr int length(int block) const {
    const std::int64_t left = pixels - first(block);
    return int(left < size ? left : size);
  }
};

}  // namespace tinycnn::cpu
