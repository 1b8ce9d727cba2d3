// Arithmetic of sizes and indices: quotients and multiples rounded up, the smaller and the larger of two, ranges.
#pragma once

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
constexpr int round_up(int a, int b) { return ceil_div(a, b) * b; }
constexpr int smaller(int a, int b) { return a < b ? a : b; }
constexpr long larger(long a, long b) { return a > b ? a : b; }

/// The indices [begin, end).
struct IndexRange {
  int begin = 0;
  int end = 0;
};

}  // namespace tinycnn
