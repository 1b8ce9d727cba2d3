// Integer arithmetic for sizes and indices: rounding up, minimum and maximum, ranges.
#pragma once

#include <cstdint>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// a / b, rounded up. a >= 0, b > 0.
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
/// The least multiple of b that is not less than a.
constexpr int round_up(int a, int b) { return ceil_div(a, b) * b; }
constexpr int smaller(int a, int b) { return a < b ? a : b; }
constexpr std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

/// The indices [begin, end).
struct IndexRange {
  int begin = 0;
  int end = 0;
};

}  // namespace tinycnn
