// exp, tanh, erf and log1p of a SIMD register. Errors, tested over all exponents for every instruction set
// (tests/backends/simd_math_test.cpp): at most 2 units in the last place; NaN stays NaN.
#pragma once

#include <tinycnn/backends/cpu/simd/vector.hpp>

namespace tinycnn::cpu {

namespace detail {

/// c[0] + c[1] x + c[2] x^2 + ...
template <class Isa, int Count>
[[gnu::always_inline]] inline Vector<Isa> polynomial(Vector<Isa> x, const float (&c)[Count]) {
  Vector<Isa> sum = broadcast<Isa>(c[Count - 1]);
#pragma GCC unroll 16
  for (int k = Count - 2; k >= 0; --k) sum = fma<Isa>(sum, x, broadcast<Isa>(c[k]));
  return sum;
}

/// 2^n for -126 <= n <= 127.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> power_of_two(IntVector<Isa> n) {
  return reinterpret_cast<Vector<Isa>>((n + 127) << 23);
}

template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> absolute(Vector<Isa> x) {
  return reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(x) & 0x7fffffff);
}

/// `magnitude` (not negative) with the sign of x.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> with_sign(Vector<Isa> magnitude, Vector<Isa> x) {
  const IntVector<Isa> sign = reinterpret_cast<IntVector<Isa>>(x) & (-0x7fffffff - 1);
  return reinterpret_cast<Vector<Isa>>(reinterpret_cast<IntVector<Isa>>(magnitude) | sign);
}

}  // namespace detail

/// e^x: x = n ln 2 + r with |r| <= ln(2) / 2, and a polynomial for e^r. Infinity above 88.72; results below 2^-126 are
/// denormal, or 0 where denormals are flushed.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> exp(Vector<Isa> x) {
  constexpr float c[] = {0.49999994f, 0.166665167f, 0.0416682847f, 0.00836924836f, 0.00138204556f};
  const Vector<Isa> zero{};
  Vector<Isa> v = x < -105.0f ? zero - 105.0f : x;  // false for NaN
  v = v > 90.0f ? zero + 90.0f : v;
  const Vector<Isa> number = v == v ? v : zero;
  const Vector<Isa> half = number < 0.0f ? zero - 0.5f : zero + 0.5f;
  const IntVector<Isa> n = __builtin_convertvector(fma<Isa>(number, broadcast<Isa>(1.44269504f), half), IntVector<Isa>);
  const Vector<Isa> whole = __builtin_convertvector(n, Vector<Isa>);
  Vector<Isa> r = v - whole * 0.693359375f;  // exact: the constant has 9 bits
  r = fma<Isa>(whole, broadcast<Isa>(2.12194440e-4f), r);
  const Vector<Isa> y = 1.0f + fma<Isa>(r * r, detail::polynomial<Isa>(r, c), r);
  const IntVector<Isa> half_n = n >> 1;  // in two steps, since 2^n alone may be out of range
  return y * detail::power_of_two<Isa>(half_n) * detail::power_of_two<Isa>(n - half_n);
}

/// tanh(x): a polynomial near 0, else 1 - 2 / (e^(2 |x|) + 1).
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> tanh(Vector<Isa> x) {
  constexpr float c[] = {-0.333332479f, 0.133305237f, -0.053663794f, 0.0203947444f, -0.00543654477f};
  const Vector<Isa> size = detail::absolute<Isa>(x), square = x * x;
  const Vector<Isa> small = fma<Isa>(size * square, detail::polynomial<Isa>(square, c), size);
  const Vector<Isa> large = 1.0f - 2.0f / (exp<Isa>(size + size) + 1.0f);
  return detail::with_sign<Isa>(size < 0.65f ? small : large, x);
}

/// erf(x): a polynomial near 0, else 1 - e^(-|x| p(|x|)).
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> erf(Vector<Isa> x) {
  constexpr float near[] = {0.128379151f, -0.376124889f, 0.11281731f, -0.0267629661f, 0.00498735299f, -0.000595958962f};
  constexpr float far[] = {1.12851441f, 0.635718167f, 0.105262011f, -0.0228900481f, 0.00321497209f, -0.000213985477f};
  const Vector<Isa> zero{}, square = x * x;
  Vector<Isa> size = detail::absolute<Isa>(x);
  const Vector<Isa> small = fma<Isa>(x, detail::polynomial<Isa>(square, near), x);
  const auto is_small = size < 0.925f;
  size = size > 4.0f ? zero + 4.0f : size;  // erf(4) rounds to 1
  const Vector<Isa> large = detail::with_sign<Isa>(1.0f - exp<Isa>(-(size * detail::polynomial<Isa>(size, far))), x);
  return is_small ? small : large;
}

/// ln(1 + x): 1 + x = 2^k (1 + m) with -1/4 <= m < 1/2, and a polynomial for ln(1 + m). -infinity at -1, NaN below.
template <class Isa>
[[gnu::always_inline]] inline Vector<Isa> log1p(Vector<Isa> x) {
  constexpr float c[] = {0.333333403f,  -0.250002056f, 0.199997127f,   -0.166535482f, 0.142692462f,
                         -0.127386555f, 0.11787425f,   -0.0924907327f, 0.0382695049f};
  const Vector<Isa> zero{}, sum = 1.0f + x;
  // The bits of 1 + x less those of 3/4 have k in the place of the exponent.
  const IntVector<Isa> k = (reinterpret_cast<IntVector<Isa>>(sum) - 0x3f400000) >> 23;
  // 2^-k x is exact, and so is 2^-k - 1 unless it is nearly -1. For k = 128, beyond the largest 2^-k, in two steps.
  const IntVector<Isa> half_k = k >> 1;
  const Vector<Isa> scale = detail::power_of_two<Isa>(-half_k) * detail::power_of_two<Isa>(half_k - k);
  const Vector<Isa> m = fma<Isa>(x, scale, scale - 1.0f);
  const Vector<Isa> whole = __builtin_convertvector(k, Vector<Isa>);
  const Vector<Isa> square = m * m;
  Vector<Isa> y = fma<Isa>(square * m, detail::polynomial<Isa>(m, c), square * -0.5f);
  y = fma<Isa>(whole, broadcast<Isa>(-2.12194440e-4f), y) + m;
  y = fma<Isa>(whole, broadcast<Isa>(0.693359375f), y);
  y = sum < __builtin_inff() ? y : x;            // infinity and NaN
  y = sum > 0.0f ? y : zero - __builtin_inff();  // -1
  y = sum < 0.0f ? zero + __builtin_nanf("") : y;
  return ((x == x) & (x != 0.0f)) ? y : x;  // NaN, and -0
}

}  // namespace tinycnn::cpu
