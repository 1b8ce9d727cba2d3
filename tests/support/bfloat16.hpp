// A custom storage type of 2 bytes: bfloat16, the upper half of a float.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string_view>

/// Rounds to nearest, ties to even; NaN stays NaN, infinity infinity.
struct Bfloat16 {
  static constexpr std::string_view element_name = "bf16";
  std::uint16_t bits = 0;

  constexpr Bfloat16() = default;
  constexpr Bfloat16(float value) {
    const std::uint32_t all = std::bit_cast<std::uint32_t>(value);
    bits = value != value ? std::uint16_t(all >> 16 | 0x40) : std::uint16_t((all + 0x7fff + (all >> 16 & 1)) >> 16);
  }
  constexpr operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};
