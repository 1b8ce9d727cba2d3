// The scale, shift and ReLU still to be applied to a stored value.
#pragma once

namespace tinycnn {

/// The value that layers read is relu(scale[c] * v + shift[c]), each of the three only where it is given.
template <class T>
struct DeferredAffine {
  const T* scale = nullptr;  ///< (C), or null: neither scale nor shift
  const T* shift = nullptr;  ///< (C)
  bool relu = false;
};

}  // namespace tinycnn
