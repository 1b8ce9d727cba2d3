// Custom layers: one struct with shape rule, forward and backward, which every CPU backend can run.
#pragma once

#include <cstdint>

#include <tinycnn/core/view.hpp>
#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// A non-owning view of a parameter or its gradient, indexed as PyTorch's tensor regardless of the backend's layout:
/// w(o, i, r, s) for a kernel, w(o, i) for a matrix, w(c) for elements per channel.
template <class T>
struct ParameterView {
  T* data = nullptr;
  int rank = 0;
  int extents[4] = {1, 1, 1, 1};
  std::int64_t strides[4]{};
  int pixels = 1;                 ///< if above 1, the last axis holds the features of an image of that many pixels
  std::int64_t pixel_stride = 0;  ///< the distance between two pixels of one channel in that axis

  /// False if this gradient is not needed, as is that of a buffer; then there is no memory to write to.
  [[nodiscard]] constexpr bool wanted() const { return data != nullptr; }
  [[nodiscard]] constexpr std::int64_t size() const {
    return std::int64_t(extents[0]) * extents[1] * extents[2] * extents[3];
  }

  constexpr T& operator()(int a = 0, int b = 0, int c = 0, int d = 0) const {
    if (pixels == 1) return data[a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]];
    const int row = rank == 2 ? a : 0, feature = rank == 2 ? b : a;
    return data[row * strides[0] + feature / pixels * strides[rank - 1] + feature % pixels * pixel_stride];
  }
  /// Element i, counted in PyTorch's order.
  constexpr T& operator[](std::int64_t i) const {
    int at[4]{};
    for (int k = 3; k >= 0; --k) {
      at[k] = int(i % extents[k]);
      i /= extents[k];
    }
    return (*this)(at[0], at[1], at[2], at[3]);
  }
};

/// The arguments of a custom layer's forward or backward. All tensors are indexed in PyTorch's order regardless of the
/// backend's layout: x, y, dx and dy by (n, c, h, w) or (n, feature), parameters as they were declared.
template <class T>
struct OwnCall {
  int n = 0;                                           ///< samples in this batch
  View<const T> x{};                                   // (N, in)
  View<const T> y{};                                   // (N, out); backward only
  View<T> out{};                                       // (N, out); forward only
  View<const T> dy{};                                  // (N, out); backward only
  View<T> dx{};                                        // (N, in); backward only; its data is null if not needed
  const ParameterView<const T>* parameters = nullptr;  ///< parameters and buffers, in the order of `parameters(list)`
  const ParameterView<T>* gradients = nullptr;         ///< in the same order; backward only. Overwrite, do not add
  const int* labels = nullptr;                         // (N); for a custom loss
  bool training = false;
};

/// The forward and backward of a custom layer for float and double. Backward overwrites `dx`; the plan adds up the
/// gradients of a value with several readers.
struct OwnKernels {
  void (*forward)(const OwnCall<float>&);
  void (*backward)(const OwnCall<float>&);
  void (*forward_double)(const OwnCall<double>&);
  void (*backward_double)(const OwnCall<double>&);
};

namespace detail {
template <class L>
inline constexpr OwnKernels own_kernels{&L::template forward<float>, &L::template backward<float>,
                                        &L::template forward<double>, &L::template backward<double>};
}  // namespace detail

/// The kernels of layer type L if it is a custom layer with both of them, else null.
template <class L>
constexpr const OwnKernels* own_kernels_of() {
  if constexpr (requires {
                  &L::template forward<float>;
                  &L::template backward<float>;
                })
    return &detail::own_kernels<L>;
  else
    return nullptr;
}

}  // namespace tinycnn
