// The mistakes of a network that are not a layer's own. See layers/mistake.hpp.
#pragma once

#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

namespace mistakes {
inline constexpr Mistake not_a_layer{};
inline constexpr Mistake empty_input{};
inline constexpr Mistake loss_within{};
inline constexpr Mistake not_a_loss{};
inline constexpr Mistake repeated_name{};
inline constexpr Mistake no_kernel{};
}  // namespace mistakes

template <int Index, class... Where>
struct Layer_number<mistakes::not_a_layer, Index, Where...> {
  static_assert(Index < 0,
                "this type is not a layer: it lacks one of kind, accepts, wants, output, macs, parameters, "
                "and is not a container either: it has no visit");
};
template <int Index, class... Where>
struct Layer_number<mistakes::empty_input, Index, Where...> {
  static_assert(Index < 0, "the input of the network is empty: each of its extents must be positive");
};
template <int Index, class... Where>
struct Layer_number<mistakes::loss_within, Index, Where...> {
  static_assert(Index < 0, "a loss is not a part of the network: pass it to Trainer as a separate argument");
};
template <int Index, class... Where>
struct Layer_number<mistakes::not_a_loss, Index, Where...> {
  static_assert(Index < 0, "this type is not a loss: a loss is a layer whose kind sets `.loss = true`");
};
template <int Index, class... Where>
struct Layer_number<mistakes::repeated_name, Index, Where...> {
  static_assert(Index < 0,
                "another layer with parameters has the same name, so a file could not hold both: derive a struct with "
                "a name of its own");
};
template <int Index, class... Where>
struct Layer_number<mistakes::no_kernel, Index, Where...> {
  static_assert(Index < 0,
                "the backend has no kernel for this layer in the requested mode; a custom layer needs both forward and "
                "backward");
};

}  // namespace tinycnn
