// A non-owning tensor: a pointer and strides that give a backend's memory PyTorch's shape.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <tinycnn/core/error.hpp>
#include <tinycnn/core/view.hpp>

namespace tinycnn {

/// One axis of a tensor: the number of elements along it and the distance between neighbours, in elements.
struct Axis {
  std::int64_t extent = 1;
  std::int64_t stride = 0;  ///< 0 if the extent is 1
  bool joined = false;      ///< PyTorch sees it merged with the previous axis: flat features are stored as (C, H, W)
};

/// Elements of a network where the backend stores them, indexed as PyTorch indexes the tensor. Does not own them.
template <class T>
struct Tensor {
  T* data = nullptr;
  Axis axes[4]{};
  int count = 0;     ///< the number of axes in use
  std::string name;  ///< for error messages

  /// The number of axes that PyTorch sees.
  [[nodiscard]] int rank() const {
    int all = 0;
    for (int a = 0; a < count; ++a) all += axes[a].joined ? 0 : 1;
    return all;
  }
  [[nodiscard]] std::int64_t size() const {
    std::int64_t all = 1;
    for (int a = 0; a < count; ++a) all *= axes[a].extent;
    return all;
  }
  /// Element i, counted in PyTorch's order.
  [[nodiscard]] T& element(std::int64_t i) const { return data[offset_along(count, i)]; }

  /// PyTorch's tensor[i]: the first axis is dropped. Throws an Error if i is out of range.
  [[nodiscard]] Tensor operator[](std::int64_t i) const {
    const int first = next(0);
    if (count == 0 || i < 0 || i >= extent(0, first))
      throw Error({"index ", i, " is not within the first axis of '", name, "'"});
    Tensor part{data + offset_along(first, i), {}, count - first, joined({name, "[", i, "]"})};
    for (int a = first; a < count; ++a) part.axes[a - first] = axes[a];
    return part;
  }
  /// The same tensor with joined axes separated, like torch.Tensor.unflatten: the weight of a Linear after a Flatten
  /// becomes (Out, C, H, W).
  [[nodiscard]] Tensor apart() const {
    Tensor all = *this;
    for (Axis& axis : all.axes) axis.joined = false;
    return all;
  }

  /// The first axis after `a` that PyTorch sees as an axis of its own.
  [[nodiscard]] int next(int a) const {
    if (a < count) ++a;
    while (a < count && axes[a].joined) ++a;
    return a;
  }
  /// Axes [first, end) merged into one, the last varying fastest. Throws an Error if no single stride describes them.
  [[nodiscard]] Axis merged(int first, int end) const {
    Axis all;
    for (int a = end - 1; a >= first; --a) {
      if (axes[a].extent == 1) continue;
      if (all.extent == 1)
        all.stride = axes[a].stride;
      else if (axes[a].stride != all.stride * all.extent)
        throw Error("no strides describe '" + name +
                    "' in this backend's memory with those axes merged: copy() it, take it apart(), or index it first");
      all.extent *= axes[a].extent;
    }
    return all;
  }

 private:
  [[nodiscard]] std::int64_t extent(int first, int end) const {
    std::int64_t all = 1;
    for (int a = first; a < end; ++a) all *= axes[a].extent;
    return all;
  }
  /// The offset of element i of the first `end` axes, counted in PyTorch's order.
  [[nodiscard]] std::int64_t offset_along(int end, std::int64_t i) const {
    std::int64_t at = 0;
    for (int a = end - 1; a >= 0; --a) {
      at += i % axes[a].extent * axes[a].stride;
      i /= axes[a].extent;
    }
    return at;
  }
};

/// The first n samples of a view as a tensor (N, C, H, W) or (N, features).
template <class T>
Tensor<T> tensor_of(const View<T>& view, std::int64_t n, std::string name = "the values") {
  const Dims& d = view.dims;
  const auto axis = [&](int extent, std::int64_t stride, bool joined) {
    return Axis{extent, extent > 1 ? stride : 0, joined};
  };
  return {view.data,
          {{n, n > 1 ? d.size() : 0},
           axis(d.c, offset_of(d, view.order, 1, 0, 0), false),
           axis(d.h, offset_of(d, view.order, 0, 1, 0), d.flat),
           axis(d.w, offset_of(d, view.order, 0, 0, 1), d.flat)},
          4,
          std::move(name)};
}

}  // namespace tinycnn
