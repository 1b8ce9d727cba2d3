// A batch of samples in memory, indexed in PyTorch's order regardless of how it is stored.
#pragma once

#include <cstdint>

#include <tinycnn/core/dims.hpp>

namespace tinycnn {

/// The order in which a backend stores an image: (C, H, W), PyTorch's contiguous format, or (H, W, C), channels_last.
enum class Order { chw, hwc };

/// The offset of element (c, h, w) in a sample of shape `d`.
constexpr std::int64_t offset_of(const Dims& d, Order order, int c, int h, int w) {
  return order == Order::chw ? (std::int64_t(c) * d.h + h) * d.w + w : (std::int64_t(h) * d.w + w) * d.c + c;
}

/// The offset of feature i in a flat sample. Features are counted in the (C, H, W) order of the image that was
/// flattened.
constexpr std::int64_t offset_of(const Dims& d, Order order, std::int64_t i) {
  if (order == Order::chw || d.pixels() == 1) return i;
  const std::int64_t pixels = d.pixels();
  return (i % pixels) * d.c + i / pixels;
}

/// A non-owning view of N samples of one shape.
template <class T>
struct View {
  T* data = nullptr;
  Dims dims{};
  Order order = Order::chw;

  constexpr T& operator()(std::int64_t n, int c, int h, int w) const {  // (N, C, H, W)
    return data[n * dims.size() + offset_of(dims, order, c, h, w)];
  }
  constexpr T& operator()(std::int64_t n, std::int64_t i) const {  // (N, features)
    return data[n * dims.size() + offset_of(dims, order, i)];
  }
  constexpr T* sample(std::int64_t n) const { return data + n * dims.size(); }
  constexpr operator View<const T>() const { return {data, dims, order}; }
};

}  // namespace tinycnn
