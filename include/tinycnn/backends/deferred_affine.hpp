// The deferred affine of a value: the scale, shift and activation that its readers still have to apply.
#pragma once

#include <tinycnn/backends/applied_activation.hpp>

namespace tinycnn {

/// A value is f(scale[c] * v + shift[c]) of its stored elements v; scale and shift, and the activation f, are optional.
template <class T>
struct DeferredAffine {
  const T* scale = nullptr;  ///< (C), or null: neither scale nor shift
  const T* shift = nullptr;  ///< (C)
  AppliedActivation<T> activation{};

  [[nodiscard]] bool none() const { return scale == nullptr && activation.none(); }
};

}  // namespace tinycnn
