// Passes over pixels whose channels are contiguous: a block of pixels at a time, a register of channels at a time.
#pragma once

#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

/// Loads a register of channels, or one, by the type V.
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

/// As many bytes as V has elements, as integers.
template <class Isa>
[[gnu::always_inline]] inline int load_bytes(float, const unsigned char* from) {
  return *from;
}
template <class Isa>
[[gnu::always_inline]] inline IntVector<Isa> load_bytes(Vector<Isa>, const unsigned char* from) {
  return widen<Isa>(from);
}

/// Calls f(V{}, c) over all channels, V a register while one fits and a float for the rest.
template <class Isa, class F>
[[gnu::always_inline]] inline void for_channels(int channels, F&& f) {
  int c = 0;
  for (; c + Isa::width <= channels; c += Isa::width) f(Vector<Isa>{}, c);
  for (; c < channels; ++c) {
    asm("" : "+r"(c));  // fewer than a register's: g++ would make registers of them again
    f(0.0f, c);
  }
}

/// A batch of images cut into fixed blocks of at most `size` pixels of one sample each, so that partial sums belong to
/// blocks and never to threads.
struct PixelBlocks {
  static constexpr int size = 256;
  long pixels = 0;
  int per_sample = 0;

  constexpr explicit PixelBlocks(long pixels_of_sample)
      : pixels(pixels_of_sample), per_sample(int((pixels_of_sample + size - 1) / size)) {}
  [[nodiscard]] constexpr int count(int n) const { return n * per_sample; }
  [[nodiscard]] constexpr int sample(int block) const { return block / per_sample; }
  /// First pixel of a block within its sample, and how many it has.
  [[nodiscard]] constexpr long first(int block) const { return long(block % per_sample) * size; }
  [[nodiscard]] constexpr int length(int block) const {
    const long left = pixels - first(block);
    return int(left < size ? left : size);
  }
};

}  // namespace tinycnn::cpu
