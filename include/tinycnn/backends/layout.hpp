// Where a backend keeps element i of a parameter, and the way to and from PyTorch's order at the border.
#pragma once

#include <tinycnn/core/view.hpp>
#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// Kernels and matrices as a backend stores them. chw: PyTorch's (O, I, R, S) and (Out, In). hwc: (R, S, I, O) and
/// (In, Out) with In in the memory order of the sample, so that outputs are contiguous.
constexpr long kernel_place(Order order, const int* extents, int o, int i, int r, int s) {
  const int outputs = extents[0], inputs = extents[1], k = extents[2];
  return order == Order::chw ? ((long(o) * inputs + i) * k + r) * k + s
                             : ((long(r) * k + s) * inputs + i) * outputs + o;
}

constexpr long matrix_place(Order order, const int* extents, const Dims& in, int o, int i) {
  return order == Order::chw ? long(o) * extents[1] + i : place(in, order, i) * extents[0] + o;
}

/// Where logical element `i`, counted in PyTorch's order, of parameter `p` of `layer` lies in a backend's memory.
constexpr long parameter_place(Order order, const Layer& layer, const Parameter& p, long i) {
  if (order == Order::chw) return i;
  switch (p.axes) {
    case Axes::kernel: {
      const int k = p.extents[2];
      const int s = int(i % k), r = int(i / k % k), c = int(i / (long(k) * k) % p.extents[1]);
      return kernel_place(order, p.extents, int(i / (long(k) * k * p.extents[1])), c, r, s);
    }
    case Axes::matrix:
      return matrix_place(order, p.extents, layer.in, int(i / p.extents[1]), int(i % p.extents[1]));
    case Axes::per_channel:
      return layer.out.flat ? place(layer.out, order, i) : i;
    case Axes::scalar:
    case Axes::free:
      return i;
  }
  return i;
}

}  // namespace tinycnn
