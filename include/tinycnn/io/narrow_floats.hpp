// The 16-bit floating-point types of weight files, F16 and BF16, as float.
#pragma once

#include <bit>
#include <cstdint>

namespace tinycnn {

/// bfloat16: the upper half of a float.
constexpr float float_of_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t(bits) << 16); }

/// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. Exact, infinity and NaN included.
constexpr float float_of_half(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  if (exponent == 0) {  // zero or denormal: fraction * 2^-24
    const float magnitude = float(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace tinycnn
