// The layout of parameters in a backend's memory: the offset of each element, by its index in PyTorch's order.
#pragma once

#include <cstdint>

#include <tinycnn/core/view.hpp>
#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// The offset of an element of a kernel, or of a matrix. chw: PyTorch's (O, I, R, S) and (Out, In). hwc: (R, S, I, O)
/// and (In, Out), so that outputs are contiguous, with In in the order of the sample's memory.
constexpr std::int64_t kernel_offset(Order order, const int* extents, int o, int i, int r, int s) {
  const int outputs = extents[0], inputs = extents[1], rows = extents[2], columns = extents[3];
  return order == Order::chw ? ((std::int64_t(o) * inputs + i) * rows + r) * columns + s
                             : ((std::int64_t(r) * columns + s) * inputs + i) * outputs + o;
}

constexpr std::int64_t matrix_offset(Order order, const int* extents, const Dims& in, int o, int i) {
  return order == Order::chw ? std::int64_t(o) * extents[1] + i : offset_of(in, order, i) * extents[0] + o;
}

/// The shape of the sample whose features the last axis of `p` indexes: the layer's input for the columns of a matrix,
/// its output for a vector of one element per channel. If that sample is a flattened image, the axis has the order of
/// its memory; otherwise the result is a flat shape of the axis's size.
constexpr Dims features_of(const Layer& layer, const Parameter& p) {
  const bool matrix = p.axes == Axes::matrix, per_channel = p.axes == Axes::per_channel;
  const Dims& d = matrix ? layer.in : layer.out;
  const std::int64_t columns = (matrix ? std::int64_t{1} : p.extents[0]) * p.extents[1] * p.extents[2] * p.extents[3];
  const bool counted = (matrix && p.rank == 2) || (per_channel && p.rank == 1);
  return counted && d.flat && d.size() == columns ? d : Dims{int(columns), 1, 1, true};
}

/// The offset, in a backend's memory, of the element of parameter `p` of `layer` with index `i` in PyTorch's order: a
/// permutation of 0 to size() - 1.
constexpr std::int64_t parameter_offset(Order order, const Layer& layer, const Parameter& p, std::int64_t i) {
  if (order == Order::chw) return i;
  switch (p.axes) {
    case Axes::kernel: {
      const int inputs = p.extents[1], rows = p.extents[2], columns = p.extents[3];
      const int s = int(i % columns), r = int(i / columns % rows), c = int(i / (std::int64_t(rows) * columns) % inputs);
      return kernel_offset(order, p.extents, int(i / (std::int64_t(rows) * columns * inputs)), c, r, s);
    }
    case Axes::matrix: {
      const Dims features = features_of(layer, p);
      return matrix_offset(order, p.extents, features, int(i / features.size()), int(i % features.size()));
    }
    case Axes::per_channel:
      return offset_of(features_of(layer, p), order, i);
    case Axes::scalar:
    case Axes::free:
      return i;
  }
  return i;
}

}  // namespace tinycnn
