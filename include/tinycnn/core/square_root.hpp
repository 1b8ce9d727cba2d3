// The square root of a scalar, or of every lane of a vector.
#pragma once

#include <cmath>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// sqrt(v). std::sqrt alone would not do: it may set errno, which keeps compilers from vectorizing a loop.
template <class V>
[[gnu::always_inline]] inline V square_root(V v) {
  if constexpr (requires { std::sqrt(v); }) return std::sqrt(v);
#if __has_builtin(__builtin_elementwise_sqrt)
  else
    return __builtin_elementwise_sqrt(v);
#else  // g++, and clang before 17
#if defined(__AVX512F__)
  else if constexpr (sizeof(V) == 64)
#if defined(__clang__)
    return __builtin_ia32_sqrtps512(v, 4);
#else
    return __builtin_ia32_sqrtps512_mask(v, v, -1, 4);
#endif
#endif
#if defined(__AVX__)
  else if constexpr (sizeof(V) == 32)
    return __builtin_ia32_sqrtps256(v);
#endif
  else
    return __builtin_ia32_sqrtps(v);
#endif
}

}  // namespace tinycnn
