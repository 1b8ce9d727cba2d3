// Mistakes: why a network does not compile, one sentence each. Here are those that several layers share; a layer's own
// stand in its file, in the same way.
#pragma once

#include <tinycnn/core/dims.hpp>

namespace tinycnn {

/// A mistake, identified by the *address* of its `inline constexpr Mistake`, so that any layer can add more. Its
/// sentence is the text of the `static_assert` in its specialization of Layer_number.
struct Mistake {};

/// The shape of the layer's input, and the shape it needs instead; a 0 stands for "any". The two are equal if the
/// mistake is not about a shape.
template <class Shape>
struct Got {};
template <class Shape>
struct Wants {};

/// The compile error of mistake M. Its arguments, which the compiler prints, are the index of the layer in the network
/// (joins count as layers) and `Where`: its type, Got<the shape of its input>, Wants<the shape it needs>. Each mistake
/// has a partial specialization, whose assertion must depend on Index, so that it fails only where it is used.
template <const Mistake& M, int Index, class... Where>
struct Layer_number {
  static_assert(Index < 0, "a layer made a mistake that has no sentence: specialize tinycnn::Layer_number for it");
};

namespace mistakes {
inline constexpr Mistake wrong_channels{};
inline constexpr Mistake wrong_features{};
inline constexpr Mistake wants_image{};
inline constexpr Mistake wants_features{};
inline constexpr Mistake zero_size{};
}  // namespace mistakes

template <int Index, class... Where>
struct Layer_number<mistakes::wrong_channels, Index, Where...> {
  static_assert(Index < 0, "the input of this layer has the wrong number of channels");
};
template <int Index, class... Where>
struct Layer_number<mistakes::wrong_features, Index, Where...> {
  static_assert(Index < 0, "the input of this layer has the wrong number of features");
};
template <int Index, class... Where>
struct Layer_number<mistakes::wants_image, Index, Where...> {
  static_assert(Index < 0, "this layer needs an image, but its input is flat");
};
template <int Index, class... Where>
struct Layer_number<mistakes::wants_features, Index, Where...> {
  static_assert(Index < 0, "this layer needs flat features, but its input is an image: put Flatten before it");
};
template <int Index, class... Where>
struct Layer_number<mistakes::zero_size, Index, Where...> {
  static_assert(Index < 0,
                "sizes must be positive: a number of channels or features, a kernel, a stride or a dilation is not, or "
                "padding is negative");
};

}  // namespace tinycnn
