// The element types of tensors: the type a backend stores values in, and the type it computes in.
#pragma once

#include <cstdint>
#include <string_view>

namespace tinycnn {

/// An element type as data for the planner. Types are identified by the address of their ElementType, so that users can
/// add more.
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

/// The element type of C++ type T. A custom storage type has a member `static constexpr std::string_view element_name`
/// and converts to and from the type that the backend computes in.
template <class T>
inline constexpr ElementType element_type{detail::element_name<T>(), int(sizeof(T))};

/// A backend's precision. Values (activations and their gradients) are stored as `StoredType`. All arithmetic is in
/// `ComputeType`, which also stores parameters, their gradients, optimizer state, statistics and losses.
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

/// Maps a number type T to Precision<T> and leaves a Precision unchanged.
template <class T>
using as_precision = typename detail::AsPrecision<T>::type;

/// The alignment of values and workspaces in bytes: one cache line, one 512-bit register.
inline constexpr std::int64_t memory_alignment = 64;

/// `bytes`, rounded up to a multiple of `memory_alignment`.
constexpr std::int64_t aligned_bytes(std::int64_t bytes) {
  return (bytes + memory_alignment - 1) / memory_alignment * memory_alignment;
}

}  // namespace tinycnn
