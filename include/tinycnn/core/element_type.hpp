// The element types of tensors: what a backend stores values in, and what it computes in.
#pragma once

#include <string_view>

namespace tinycnn {

/// The type of a value's elements as data for the planner, known by its address: the set of types is open.
struct ElementType {
  std::string_view name;
  int bytes = 0;
};

namespace detail {
template <class T>
constexpr std::string_view element_name() {
  if constexpr (requires { T::element_name; })
    return T::element_name;
  else
    return sizeof(T) == 8 ? "f64" : sizeof(T) == 4 ? "f32" : "u8";
}
}  // namespace detail

/// The element type of C++ type T. A storage type of one's own names itself: `static constexpr std::string_view
/// element_name`, converts to and from the type it is computed in, and is `sizeof` bytes large.
template <class T>
inline constexpr ElementType element_type{detail::element_name<T>(), int(sizeof(T))};

/// How a backend keeps numbers. Values (activations and their gradients) are stored as `StoredType`. Everything is
/// computed as `ComputeType`, and so are kept parameters, their gradients, optimizer state, statistics and losses.
template <class StoredType, class ComputeType = StoredType>
struct Precision {
  using Stored = StoredType;
  using Compute = ComputeType;
};

using F32 = Precision<float>;
using F64 = Precision<double>;

namespace detail {
template <class T>
struct AsPrecision {
  using type = Precision<T>;
};
template <class Stored, class Compute>
struct AsPrecision<Precision<Stored, Compute>> {
  using type = Precision<Stored, Compute>;
};
}  // namespace detail

/// A Precision as it is; a plain number type T as Precision<T>.
template <class T>
using as_precision = typename detail::AsPrecision<T>::type;

/// The multiple of bytes that values and workspaces start on: one cache line, one 512-bit register.
inline constexpr long memory_alignment = 64;

constexpr long aligned_bytes(long bytes) {
  return (bytes + memory_alignment - 1) / memory_alignment * memory_alignment;
}

}  // namespace tinycnn
