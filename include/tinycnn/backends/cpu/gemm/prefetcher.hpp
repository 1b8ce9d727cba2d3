// Software prefetching: spreads the prefetches of a matrix that is needed soon evenly over the steps of other work.
#pragma once

#include <cstdint>

namespace tinycnn::cpu {

/// Prefetches `rows` rows of `floats` floats, `stride` floats apart, into the second-level cache; each of `steps` calls
/// of step() issues an equal share of the prefetches. Addresses need not be valid: a prefetch never faults.
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const float* from, std::int64_t floats, std::int64_t steps) : Prefetcher(from, 1, floats, 0, steps) {}
  Prefetcher(const float* from, std::int64_t rows, std::int64_t floats, std::int64_t stride, std::int64_t steps)
      : at_(from),
        row_lines_((floats + cache_line - 1) / cache_line),
        row_left_(row_lines_),
        gap_(stride - row_lines_ * cache_line) {
    left_ = rows > 0 && row_lines_ > 0 ? rows * row_lines_ : 0;
    lines_per_step_ = (left_ + steps - 1) / (steps > 0 ? steps : 1);
  }

  [[gnu::always_inline]] void step() {
    const std::int64_t now = lines_per_step_ < left_ ? lines_per_step_ : left_;
    left_ -= now;
    const float* at = at_;  // local copies: compilers do not keep members in registers across a prefetch
    std::int64_t row_left = row_left_;
    for (std::int64_t i = 0; i < now; ++i, at += cache_line) {
      __builtin_prefetch(at, 0, 2);
      if (--row_left > 0) continue;
      row_left = row_lines_;
      at += gap_;
    }
    at_ = at;
    row_left_ = row_left;
  }

 private:
  static constexpr std::int64_t cache_line = 16;  // floats
  const float* at_ = nullptr;
  std::int64_t row_lines_ = 0;  // cache lines per row
  std::int64_t row_left_ = 0;   // cache lines left of the current row
  std::int64_t gap_ = 0;        // floats from the end of a row to the next row
  std::int64_t left_ = 0;       // cache lines left of all rows
  std::int64_t lines_per_step_ = 0;
};

}  // namespace tinycnn::cpu
