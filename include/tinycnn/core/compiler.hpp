// What the library needs of the compiler and its flags. Almost every header includes this one, directly or not, so that
// an unsuitable compiler says one sentence before anything else.
#pragma once

#if defined(__clang__) ? __clang_major__ < 14 : !defined(__GNUC__) || __GNUC__ < 11
#error "tinycnn needs g++ 11 or later, or clang 14 or later"
#endif

// A compiler that assumes every number to be finite removes isnan and x != x, and takes v < 0 ? 0 : v for max(v, 0).
// Testing bits would not be enough: NaN would already be lost in ReLU and MaxPool.
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "tinycnn must see NaN and infinity: add -fno-finite-math-only after -ffast-math, -Ofast or -ffinite-math-only"
#endif
