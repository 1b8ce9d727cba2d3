// A user's own layer: forward and backward beside its shape rule, in one struct; every CPU backend then runs it.
#pragma once

#include <tinycnn/core/view.hpp>
#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// A parameter or its gradient, indexed as PyTorch's tensor whatever order the backend stores: w(o, i, r, s) of a
/// kernel, w(o, i) of a matrix, w(c) of numbers per channel. It owns nothing.
template <class T>
struct ParameterView {
  T* data = nullptr;
  int rank = 0;
  int extents[4] = {1, 1, 1, 1};
  long strides[4]{};
  int pixels = 1;         ///< above 1 the last axis counts features of a flattened image: channel by channel ...
  long pixel_stride = 0;  ///< ... and within one pixel by pixel, so far apart

  /// False where nobody asks for this gradient, and for that of a buffer: there is nothing to write to.
  [[nodiscard]] constexpr bool wanted() const { return data != nullptr; }
  [[nodiscard]] constexpr long size() const { return long(extents[0]) * extents[1] * extents[2] * extents[3]; }

  constexpr T& operator()(int a = 0, int b = 0, int c = 0, int d = 0) const {
    if (pixels == 1) return data[a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]];
    const int row = rank == 2 ? a : 0, feature = rank == 2 ? b : a;
    return data[row * strides[0] + feature / pixels * strides[rank - 1] + feature % pixels * pixel_stride];
  }
  /// Element i, counted in PyTorch's order.
  constexpr T& operator[](long i) const {
    int at[4]{};
    for (int k = 3; k >= 0; --k) {
      at[k] = int(i % extents[k]);
      i /= extents[k];
    }
    return (*this)(at[0], at[1], at[2], at[3]);
  }
};

/// What one call of a user's own layer may read and write, all of it in PyTorch's order whatever the backend stores:
/// x, y, dx, dy are indexed (n, c, h, w) or (n, feature), parameters as they were declared.
template <class T>
struct OwnCall {
  int n = 0;                                           ///< samples in this batch
  View<const T> x{};                                   // (N, in)
  View<const T> y{};                                   // (N, out); backward only
  View<T> out{};                                       // (N, out); forward only
  View<const T> dy{};                                  // (N, out); backward only
  View<T> dx{};                                        // (N, in); no data when nobody wants it
  const ParameterView<const T>* parameters = nullptr;  ///< parameters and buffers, in the order of `parameters(list)`
  const ParameterView<T>* gradients = nullptr;         ///< the same; backward only. Overwrite, don't add.
  const int* labels = nullptr;                         // (N); for a loss of one's own
  bool training = false;
};

/// The two functions of a user's own layer, for float and double. `dx` is written, never added to: joins are the
/// plan's.
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

/// The kernels of layer type L if it brings its own, else null.
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
