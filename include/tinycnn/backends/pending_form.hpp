// What a stored value still awaits before it is the number that layers read.
#pragma once

namespace tinycnn {

/// The finished number is relu(scale[c] * v + shift[c]), each part only where it is given.
template <class T>
struct PendingForm {
  const T* scale = nullptr;  ///< (C), or null: neither scale nor shift is due
  const T* shift = nullptr;  ///< (C)
  bool relu = false;
};

}  // namespace tinycnn
