// The shape of a convolution, which all convolution kernels take.
#pragma once

#include <cstdint>

#include <tinycnn/core/dims.hpp>
#include <tinycnn/core/integer_math.hpp>
#include <tinycnn/core/window.hpp>

namespace tinycnn::cpu {

/// y = x * w with x (N,H,W,C), w (R,S,C/groups,O) and y (N,P,Q,O); the last axis of each is contiguous.
struct ConvolutionShape {
  Dims x;
  Dims y;
  Window window;
  int groups = 1;
  bool no_winograd = false;

  [[nodiscard]] constexpr int taps() const { return window.taps(); }
  [[nodiscard]] constexpr int group_inputs() const { return x.c / groups; }
  [[nodiscard]] constexpr int group_outputs() const { return y.c / groups; }
  [[nodiscard]] constexpr std::int64_t weights() const { return std::int64_t(taps()) * group_inputs() * y.c; }
};

/// A 1x1 convolution without padding is one of stride 1 on only those rows and columns of x that it reads; any other
/// shape is returned unchanged.
constexpr ConvolutionShape without_skipped_pixels(const ConvolutionShape& s) {
  if (s.taps() > 1 || s.window.rows.padding > 0 || s.window.columns.padding > 0) return s;
  ConvolutionShape dense = s;
  dense.x = {s.x.c, s.y.h, s.y.w, false};
  dense.window.rows.stride = dense.window.columns.stride = 1;
  return dense;
}

}  // namespace tinycnn::cpu
