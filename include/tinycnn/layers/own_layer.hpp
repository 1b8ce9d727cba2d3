// A user's own layer: forward and backward beside its shape rule, in one struct; every CPU backend then runs it.
#pragma once

#include <tinycnn/core/view.hpp>
#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// What one call of a user's own layer may read and write. x, y, dx, dy are indexed (n, c, h, w) or (n, feature) in
/// PyTorch's order whatever the backend stores; parameters are in declared order (Axes::free) or per channel.
template <class T>
struct OwnCall {
  int n = 0;                       ///< samples in this batch
  View<const T> x{};               // (N, in)
  View<const T> y{};               // (N, out); backward only
  View<T> out{};                   // (N, out); forward only
  View<const T> dy{};              // (N, out); backward only
  View<T> dx{};                    // (N, in); no data when nobody wants it
  T* const* parameters = nullptr;  ///< one pointer a parameter or buffer, in the order of `parameters(list)`
  T* const* gradients = nullptr;   ///< the same for trained parameters; null when not wanted. Overwrite, don't add.
  const int* labels = nullptr;     // (N); for a loss of one's own
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
