// The compile error for the first mistake in a network: one sentence, with the layer and its shapes in a type.
#pragma once

#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// The shape of the layer's input, and the shape it needs instead; a 0 stands for "any". The two are equal if the
/// mistake is not about a shape.
template <class Shape>
struct Got {};
template <class Shape>
struct Wants {};

/// The assertions are inside this template so that the compiler prints its arguments: the index of the layer in the
/// network (joins count as layers), its type, the shape of its input and the shape it needs.
template <Mistake M, int Index, class Layer, class GotShape, class WantsShape>
struct Layer_number {
  static_assert(M != Mistake::wrong_channels, "the input of this layer has the wrong number of channels");
  static_assert(M != Mistake::wrong_features, "the input of this layer has the wrong number of features");
  static_assert(M != Mistake::wants_image, "this layer needs an image, but its input is flat");
  static_assert(M != Mistake::wants_features,
                "this layer needs flat features, but its input is an image: put Flatten before it");
  static_assert(M != Mistake::kernel_exceeds_input, "the kernel is larger than the padded input");
  static_assert(M != Mistake::groups_do_not_divide, "Groups must divide both the input and the output channels");
  static_assert(M != Mistake::zero_size,
                "sizes must be positive: a number of channels or features, a kernel, a stride or a dilation is not, or "
                "padding is negative");
  static_assert(M != Mistake::padding_exceeds_half_kernel,
                "a pooling window's padding must be at most half its kernel");
  static_assert(M != Mistake::unknown_option, "this layer does not have one of the given options");
  static_assert(M != Mistake::repeated_option, "an option is given twice");
  static_assert(M != Mistake::not_a_layer,
                "this type is not a layer: it lacks one of kind, options, accepts, wants, output, macs, parameters, "
                "and is not a container either: it has no visit");
  static_assert(
      M != Mistake::branches_differ,
      "the branches of this Residual end in different shapes: Got is the shortcut's, Wants is the main branch's");
  static_assert(M != Mistake::concat_sizes_differ,
                "the branches of this Concat differ in height or width, or one is flat and the other not: "
                "Got is the shape of the next branch, Wants that of the branches before it");
  static_assert(M != Mistake::class_count_differs,
                "the number of logits differs from the number of classes of the loss");
  static_assert(M != Mistake::bad_probability, "a dropout probability must lie between 0 and 100 percent");
  static_assert(M != Mistake::bad_fraction,
                "Epsilon must not be negative, Momentum must lie between 0 and 1, both need a positive denominator, "
                "and so does Slope");
  static_assert(M != Mistake::empty_input, "the input of the network is empty: each of its extents must be positive");
  static_assert(M != Mistake::loss_within,
                "a loss is not a part of the network: pass it to Trainer as a separate argument");
  static_assert(M != Mistake::not_a_loss, "this type is not a loss: a loss is a layer whose kind sets `.loss = true`");
  static_assert(
      M != Mistake::repeated_name,
      "another layer with parameters has the same name, so a file could not hold both: derive a struct with a "
      "name of its own");
  static_assert(M != Mistake::no_kernel,
                "the backend has no kernel for this layer in the requested mode; "
                "a custom layer needs both forward and backward");
};

}  // namespace tinycnn
