// The sliding window shared by convolution and pooling: kernel, stride, padding, dilation, as plain numbers.
#pragma once

#include "tinycnn/core/dims.hpp"

namespace tinycnn {

/// A square window: output extent = (x + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded down as torch.nn
/// does.
struct Window {
  int kernel = 1;
  int stride = 1;
  int padding = 0;
  int dilation = 1;

  [[nodiscard]] constexpr int reach() const { return dilation * (kernel - 1) + 1; }
  [[nodiscard]] constexpr int output(int x) const {
    const int room = x + 2 * padding - reach();
    return room < 0 ? 0 : room / stride + 1;
  }

  /// The image of `c` channels nearest to x that the window fits into; extents are 0, "any", where x has none.
  [[nodiscard]] constexpr Dims wants(int c, const Dims& x) const {
    const int least = reach() - 2 * padding;
    if (x.flat) return {c, 0, 0, false};
    return {c, x.h < least ? least : x.h, x.w < least ? least : x.w, false};
  }
};

}  // namespace tinycnn
