// A loop over all elements of a batch in fixed blocks, for elementwise layers of any shape.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/channel_loop.hpp>

namespace tinycnn::cpu {

/// Calls f(V{}, i) for all elements: V is a register, or a float for each element that remains at the end.
template <class Isa, class Pool, class F>
void for_elements(Pool& pool, std::int64_t count, const F& f) {
  constexpr std::int64_t size = 1 << 14;
  pool.run(int((count + size - 1) / size), [&](int block, int) {
    const std::int64_t first = block * size, left = count - first;
    for_channels<Isa>(int(left < size ? left : size), [&]<class V>(V v, int i) { f(v, first + i); });
  });
}

}  // namespace tinycnn::cpu
