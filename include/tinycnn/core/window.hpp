// The sliding window of convolution and pooling: kernel, stride, padding and dilation along each axis.
#pragma once

#include "tinycnn/core/dims.hpp"

namespace tinycnn {

/// A window along one axis. Window p starts at pixel p stride - padding, and its tap t lies t dilation pixels further.
/// An input extent x gives the output extent (x + padding + end_padding - dilation (kernel - 1) - 1) / stride + 1,
/// rounded down as in torch.nn.
struct WindowAxis {
  int kernel = 1;
  int stride = 1;
  int padding = 0;  ///< before the first pixel
  int dilation = 1;
  int end_padding = 0;  ///< after the last pixel
  bool ceil = false;    ///< rounds up instead; a last window that would start beyond the last pixel is dropped
  bool same = false;    ///< pads such that the output extent is x / stride, rounded up: see `on`

  /// The extent of the dilated kernel.
  [[nodiscard]] constexpr int reach() const { return dilation * (kernel - 1) + 1; }

  /// This window for an input extent of x: the padding that `same` stands for is filled in, the odd pixel at the end.
  [[nodiscard]] constexpr WindowAxis on(int x) const {
    WindowAxis k = *this;
    if (!same) return k;
    const int total = ((x + stride - 1) / stride - 1) * stride + reach() - x;
    k.padding = total > 0 ? total / 2 : 0;
    k.end_padding = total > 0 ? total - k.padding : 0;
    k.same = false;
    return k;
  }
  /// The output extent for an input extent of x; 0 if the dilated kernel does not fit.
  [[nodiscard]] constexpr int output(int x) const {
    if (same) return on(x).output(x);
    const int room = x + padding + end_padding - reach() + (ceil ? stride - 1 : 0);
    if (room < 0) return 0;
    const int count = room / stride + 1;
    return ceil && (count - 1) * stride >= x + padding ? count - 1 : count;
  }
  /// The least input extent of at least x that the window fits in.
  [[nodiscard]] constexpr int least(int x) const {
    const int least = same ? 1 : reach() - padding - end_padding - (ceil ? stride - 1 : 0);
    return x < least ? least : x;
  }
  /// Whether both ends have the same padding.
  [[nodiscard]] constexpr bool symmetric() const { return padding == end_padding; }
};

/// The window along both axes of an image.
struct Window {
  WindowAxis rows;
  WindowAxis columns;

  constexpr Window() = default;
  constexpr Window(const WindowAxis& along_rows, const WindowAxis& along_columns)
      : rows(along_rows), columns(along_columns) {}
  /// A square window: the same along both axes.
  constexpr Window(int kernel, int stride, int padding, int dilation)
      : rows{.kernel = kernel, .stride = stride, .padding = padding, .dilation = dilation, .end_padding = padding},
        columns(rows) {}

  /// The number of pixels that it covers.
  [[nodiscard]] constexpr int taps() const { return rows.kernel * columns.kernel; }
  /// Whether window (i, j) covers along the columns what window (j, i) covers along the rows; `end_padding`, which only
  /// adds windows, may differ.
  [[nodiscard]] constexpr bool is_square() const {
    return rows.kernel == columns.kernel && rows.stride == columns.stride && rows.padding == columns.padding &&
           rows.dilation == columns.dilation;
  }
  [[nodiscard]] constexpr bool symmetric() const { return rows.symmetric() && columns.symmetric(); }
  /// Whether it moves by one pixel at a time over neighbouring pixels.
  [[nodiscard]] constexpr bool is_dense() const {
    return rows.stride == 1 && columns.stride == 1 && rows.dilation == 1 && columns.dilation == 1;
  }

  /// This window for images of shape x: see WindowAxis::on.
  [[nodiscard]] constexpr Window on(const Dims& x) const { return {rows.on(x.h), columns.on(x.w)}; }
  /// The output's shape, with c channels; an extent is 0 where the dilated kernel does not fit.
  [[nodiscard]] constexpr Dims output(int c, const Dims& x) const {
    return {c, rows.output(x.h), columns.output(x.w), false};
  }
  /// The shape to suggest in an error: x with `c` channels, enlarged until the window fits. Height and width are 0
  /// ("any") if x is flat.
  [[nodiscard]] constexpr Dims wants(int c, const Dims& x) const {
    if (x.flat) return {c, 0, 0, false};
    return {c, rows.least(x.h), columns.least(x.w), false};
  }
};

}  // namespace tinycnn
