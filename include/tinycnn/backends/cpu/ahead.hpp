// Memory that will be wanted soon, brought towards the core a little at a time while it is busy with something else.
#pragma once

namespace tinycnn::cpu {

/// `floats` numbers, shared out evenly over `steps` calls of step(). Only a hint: it may point anywhere.
class Ahead {
 public:
  Ahead() = default;
  Ahead(const float* from, long floats, long steps)
      : at_(from),
        left_(floats > 0 ? (floats + line - 1) / line : 0),
        share_((left_ + steps - 1) / (steps > 0 ? steps : 1)) {}

  [[gnu::always_inline]] void step() {
    const long now = share_ < left_ ? share_ : left_;
    left_ -= now;
    for (long i = 0; i < now; ++i, at_ += line) __builtin_prefetch(at_, 0, 2);  // into the second-level cache
  }

 private:
  static constexpr long line = 16;
  const float* at_ = nullptr;
  long left_ = 0;
  long share_ = 0;
};

}  // namespace tinycnn::cpu
