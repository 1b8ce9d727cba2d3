// The deferred affine of a value: the scale, shift and ReLU that its readers still have to apply.
#pragma once

namespace tinycnn {

/// A value is relu(scale[c] * v + shift[c]) of its stored elements v; scale and shift, and the ReLU, are optional.
template <class T>
struct DeferredAffine {
  const T* scale = nullptr;  ///< (C), or null: neither scale nor shift
  const T* shift = nullptr;  ///< (C)
  bool relu = false;
};

}  // namespace tinycnn
