// The sliding window of convolution and pooling: kernel, stride, padding and dilation.
#pragma once

#include "tinycnn/core/dims.hpp"

namespace tinycnn {

/// A square window. An input extent x gives the output extent (x + 2 padding - dilation (kernel - 1) - 1) / stride + 1,
/// rounded down as in torch.nn.
struct Window {
  int kernel = 1;
  int stride = 1;
  int padding = 0;
  int dilation = 1;

  /// The extent of the dilated kernel.
  [[nodiscard]] constexpr int reach() const { return dilation * (kernel - 1) + 1; }
  /// The output extent for an input extent of x; 0 if the dilated kernel does not fit.
  [[nodiscard]] constexpr int output(int x) const {
    const int room = x + 2 * padding - reach();
    return room < 0 ? 0 : room / stride + 1;
  }

  /// The shape to suggest in an error: x with `c` channels, enlarged until the window fits. Height and width are 0
  /// ("any") if x is flat.
  [[nodiscard]] constexpr Dims wants(int c, const Dims& x) const {
    const int least = reach() - 2 * padding;
    if (x.flat) return {c, 0, 0, false};
    return {c, x.h < least ? least : x.h, x.w < least ? least : x.w, false};
  }
};

}  // namespace tinycnn
