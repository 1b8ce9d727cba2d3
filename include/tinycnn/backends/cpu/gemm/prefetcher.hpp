// Software prefetching: brings memory that is needed soon into the second-level cache, a little with each step of other
// work.
#pragma once

namespace tinycnn::cpu {

/// `runs` runs of `floats` floats, `stride` apart, spread evenly over `steps` calls of step(). Only a hint: it may
/// point anywhere.
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const float* from, long floats, long steps) : Prefetcher(from, 1, floats, 0, steps) {}
  Prefetcher(const float* from, long runs, long floats, long stride, long steps)
      : at_(from), lines_((floats + line - 1) / line), run_left_(lines_), skip_(stride - lines_ * line) {
    left_ = runs > 0 && lines_ > 0 ? runs * lines_ : 0;
    lines_per_step_ = (left_ + steps - 1) / (steps > 0 ? steps : 1);
  }

  [[gnu::always_inline]] void step() {
    const long now = lines_per_step_ < left_ ? lines_per_step_ : left_;
    left_ -= now;
    const float* at = at_;  // the compiler keeps no member in a register beside a prefetch
    long run_left = run_left_;
    for (long i = 0; i < now; ++i, at += line) {
      __builtin_prefetch(at, 0, 2);  // into the second-level cache
      if (--run_left > 0) continue;
      run_left = lines_;
      at += skip_;
    }
    at_ = at;
    run_left_ = run_left;
  }

 private:
  static constexpr long line = 16;
  const float* at_ = nullptr;
  long lines_ = 0;  // of a run
  long run_left_ = 0;
  long skip_ = 0;
  long left_ = 0;
  long lines_per_step_ = 0;
};

}  // namespace tinycnn::cpu
