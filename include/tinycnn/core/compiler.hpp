// Checks the compiler and its flags. Almost every header includes this one, directly or indirectly, so that an
// unsuitable compiler prints one clear error before any other.
#pragma once

#if defined(__clang__) ? __clang_major__ < 14 : !defined(__GNUC__) || __GNUC__ < 11
#error "tinycnn needs g++ 11 or later, or clang 14 or later"
#endif

// A compiler that assumes finite values removes isnan and x != x, and replaces v < 0 ? 0 : v by max(v, 0). Testing bit
// patterns instead would not help: ReLU and MaxPool would already have lost the NaN.
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "tinycnn must see NaN and infinity: add -fno-finite-math-only after -ffast-math, -Ofast or -ffinite-math-only"
#endif
