// Memory that will be wanted soon, brought towards the core a little at a time while it is busy with something else.
#pragma once

namespace tinycnn::cpu {

/// `pieces` runs of `floats` numbers, `stride` apart, shared out evenly over `steps` calls of step(). Only a hint: it
/// may point anywhere.
class Ahead {
 public:
  Ahead() = default;
  Ahead(const float* from, long floats, long steps) : Ahead(from, 1, floats, 0, steps) {}
  Ahead(const float* from, long pieces, long floats, long stride, long steps)
      : at_(from), lines_((floats + line - 1) / line), piece_left_(lines_), skip_(stride - lines_ * line) {
    left_ = pieces > 0 && lines_ > 0 ? pieces * lines_ : 0;
    share_ = (left_ + steps - 1) / (steps > 0 ? steps : 1);
  }

  [[gnu::always_inline]] void step() {
    const long now = share_ < left_ ? share_ : left_;
    left_ -= now;
    const float* at = at_;  // the compiler keeps no member in a register beside a prefetch
    long piece_left = piece_left_;
    for (long i = 0; i < now; ++i, at += line) {
      __builtin_prefetch(at, 0, 2);  // into the second-level cache
      if (--piece_left > 0) continue;
      piece_left = lines_;
      at += skip_;
    }
    at_ = at;
    piece_left_ = piece_left;
  }

 private:
  static constexpr long line = 16;
  const float* at_ = nullptr;
  long lines_ = 0;  // of a piece
  long piece_left_ = 0;
  long skip_ = 0;
  long left_ = 0;
  long share_ = 0;
};

}  // namespace tinycnn::cpu
