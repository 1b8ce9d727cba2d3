// The shape of one sample as a value: an image (C, H, W) or a flat row of features.
#pragma once

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// The shape of one sample. An image is (channels, height, width); a flattened sample keeps the image it came from,
/// so that a backend that stores images as (H, W, C) still knows where feature i of PyTorch's (C, H, W) order lies.
struct Dims {
  int c = 0;
  int h = 1;
  int w = 1;
  bool flat = false;

  [[nodiscard]] constexpr long size() const { return long(c) * h * w; }
  [[nodiscard]] constexpr long pixels() const { return long(h) * w; }

  /// Images agree in all three extents, flat samples in their number of features.
  friend constexpr bool operator==(const Dims& a, const Dims& b) {
    if (a.flat != b.flat) return false;
    return a.flat ? a.size() == b.size() : (a.c == b.c && a.h == b.h && a.w == b.w);
  }
};

/// Whether samples of both shapes lie in memory alike, whatever order a backend stores images in.
constexpr bool same_memory(const Dims& a, const Dims& b) { return a.c == b.c && a.h == b.h && a.w == b.w; }

/// One sample of C channels, H rows and W columns, in PyTorch's order (C, H, W).
template <int C, int H, int W>
struct Image {
  static constexpr Dims dims{C, H, W, false};
};

/// One sample of F numbers.
template <int F>
struct Features {
  static constexpr Dims dims{F, 1, 1, true};
};

/// How many samples a step holds at most; the number actually given is a run-time count up to it.
template <int Capacity>
struct Batch {
  static constexpr int capacity = Capacity;
};

}  // namespace tinycnn
