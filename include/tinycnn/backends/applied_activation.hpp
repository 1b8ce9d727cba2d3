// An activation as a kernel applies it to results of its own.
#pragma once

#include <cstdint>

#include <tinycnn/layers/activation.hpp>

namespace tinycnn {

/// None, a ReLU, which kernels have inlined, or another, whose functions run over rows in the first-level cache.
template <class T>
struct AppliedActivation {
  bool relu = false;
  const ActivationLoops<T>* loops = nullptr;
  const Layer* layer = nullptr;
  const void* passes = nullptr;  ///< the backend's passes for such activations, in a type of its own

  /// Whether there is one that runs over rows.
  [[nodiscard]] bool in_rows() const { return loops != nullptr; }
  [[nodiscard]] bool none() const { return !relu && loops == nullptr; }

  /// x <- f(x)
  void apply(T* x, std::int64_t count) const { loops->apply(*layer, x, x, count); }
  /// dy <- dy f'(x); x is overwritten.
  void multiply_by_derivative(T* x, T* dy, std::int64_t count) const {
    if (layer->activation->of_output) apply(x, count);
    loops->gradient(*layer, x, dy, dy, count);
  }
};

}  // namespace tinycnn
