// A batch as one run of numbers, cut into fixed blocks that the threads share out: what layers of any shape need.
#pragma once

#include <tinycnn/backends/cpu/channels.hpp>

namespace tinycnn::cpu {

/// Calls f(V{}, i) over all elements, V a register while one fits and a float for the rest of the last block.
template <class Isa, class Pool, class F>
void for_elements(Pool& pool, long count, const F& f) {
  constexpr long size = 1 << 14;
  pool.run(int((count + size - 1) / size), [&](int block, int) {
    const long first = block * size, left = count - first;
    for_channels<Isa>(int(left < size ? left : size), [&]<class V>(V v, int i) { f(v, first + i); });
  });
}

}  // namespace tinycnn::cpu
