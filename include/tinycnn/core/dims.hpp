// The shape of one sample as a value: an image (C, H, W) or a flat feature vector.
#pragma once

#include <cstdint>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// The shape of one sample. An image is (channels, height, width). A flattened sample keeps the image's extents, so
/// that a backend that stores images as (H, W, C) still knows where feature i of PyTorch's (C, H, W) order lies.
struct Dims {
  int c = 0;
  int h = 1;
  int w = 1;
  bool flat = false;

  [[nodiscard]] constexpr std::int64_t size() const { return std::int64_t(c) * h * w; }
  [[nodiscard]] constexpr std::int64_t pixels() const { return std::int64_t(h) * w; }

  /// Images are equal if all three extents are, flat samples if their numbers of features are.
  friend constexpr bool operator==(const Dims& a, const Dims& b) {
    if (a.flat != b.flat) return false;
    return a.flat ? a.size() == b.size() : (a.c == b.c && a.h == b.h && a.w == b.w);
  }
};

/// Whether samples of both shapes have the same memory layout in every order that a backend may store images in.
constexpr bool same_memory(const Dims& a, const Dims& b) { return a.c == b.c && a.h == b.h && a.w == b.w; }

/// The shape of an image sample: C channels, H rows and W columns, in PyTorch's order (C, H, W).
template <int C, int H, int W>
struct Image {
  static constexpr Dims dims{C, H, W, false};
};

/// The shape of a flat sample of F features.
template <int F>
struct Features {
  static constexpr Dims dims{F, 1, 1, true};
};

/// The batch capacity: a step processes at most that many samples. The actual number is a run-time argument.
template <int Capacity>
struct Batch {
  static constexpr int capacity = Capacity;
};

}  // namespace tinycnn
