// Pooling windows along one axis: which of a window's taps lie inside the image, and which windows cover a pixel.
#pragma once

#include <cstdint>

#include <tinycnn/core/integer_math.hpp>
#include <tinycnn/core/window.hpp>

namespace tinycnn::cpu {

/// The taps of window `at` that lie on one of `extent` pixels.
constexpr IndexRange taps_inside(const WindowAxis& k, int at, int extent) {
  const int start = at * k.stride - k.padding, left = extent - start;
  const int first = start < 0 ? (-start + k.dilation - 1) / k.dilation : 0;
  const int end = left > 0 ? (left + k.dilation - 1) / k.dilation : 0;
  return {first, end < k.kernel ? end : k.kernel};
}

/// Those of `count` windows without dilation that cover pixel `at`.
constexpr IndexRange windows_covering(const WindowAxis& k, int at, int count) {
  const int reach = at + k.padding, before = reach - k.kernel;  // a window that starts at `before` ends just before it
  const int first = before < 0 ? 0 : before / k.stride + 1, end = reach / k.stride + 1;
  return {first, end < count ? end : count};
}

/// The offset in an image (H,W,C) of the first pixel of window (p, q), which may be outside.
constexpr std::int64_t corner_of(const Window& k, const Dims& in, int p, int q) {
  return (std::int64_t(p * k.rows.stride - k.rows.padding) * in.w + q * k.columns.stride - k.columns.padding) * in.c;
}

/// Those of `windows` windows that cover pixel `at`, in ascending order, and the tap of each that does.
struct CoveringWindows {
  static constexpr int kernel_limit = 16;
  int window[kernel_limit], tap[kernel_limit];
  int count = 0;

  constexpr CoveringWindows(const WindowAxis& k, int at, int windows) : window(), tap() {
    for (int r = k.kernel - 1; r >= 0; --r) {
      const int start = at + k.padding - r * k.dilation;
      if (start < 0 || start % k.stride != 0 || start / k.stride >= windows) continue;
      window[count] = start / k.stride;
      tap[count++] = r;
    }
  }
};

}  // namespace tinycnn::cpu
