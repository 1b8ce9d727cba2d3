// A batch of samples in memory, indexed in PyTorch's order whatever order it is stored in.
#pragma once

#include <tinycnn/core/dims.hpp>

namespace tinycnn {

/// How a backend stores an image: (C, H, W), as PyTorch's contiguous tensors, or (H, W, C), its channels_last.
enum class Order { chw, hwc };

/// Where element (c, h, w) of a sample of shape `d` lies in memory.
constexpr long offset_of(const Dims& d, Order order, int c, int h, int w) {
  return order == Order::chw ? (long(c) * d.h + h) * d.w + w : (long(h) * d.w + w) * d.c + c;
}

/// Where feature i of a flat sample lies: features count in (C, H, W) order of the image the sample came from.
constexpr long offset_of(const Dims& d, Order order, long i) {
  if (order == Order::chw || d.pixels() == 1) return i;
  const long pixels = d.pixels();
  return (i % pixels) * d.c + i / pixels;
}

/// N samples of one shape. It owns nothing.
template <class T>
struct View {
  T* data = nullptr;
  Dims dims{};
  Order order = Order::chw;

  constexpr T& operator()(long n, int c, int h, int w) const {  // (N, C, H, W)
    return data[n * dims.size() + offset_of(dims, order, c, h, w)];
  }
  constexpr T& operator()(long n, long i) const {  // (N, features)
    return data[n * dims.size() + offset_of(dims, order, i)];
  }
  constexpr T* sample(long n) const { return data + n * dims.size(); }
  constexpr operator View<const T>() const { return {data, dims, order}; }
};

}  // namespace tinycnn
