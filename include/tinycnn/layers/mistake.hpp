// One mistake, one sentence: the assertion that shows the first thing wrong with a network, its numbers in its type.
#pragma once

#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// What a layer was given, and what it wants instead; a 0 stands for "any". They agree where no shape is at fault.
template <class Shape>
struct Got {};
template <class Shape>
struct Wants {};

/// The assertion stands inside this template, so that the compiler prints its arguments: the layer's index among all
/// layers of the network (joins count), its type, the shape that reaches it and the shape it wants.
template <Mistake M, int Index, class Layer, class GotShape, class WantsShape>
struct Layer_number {
  static_assert(M != Mistake::wrong_channels, "this layer gets another number of channels than it was declared with");
  static_assert(M != Mistake::wrong_features, "this layer gets another number of features than it was declared with");
  static_assert(M != Mistake::wants_image, "this layer works on images, but a flat row of features reaches it");
  static_assert(M != Mistake::wants_features,
                "this layer works on flat features, but an image reaches it: put Flatten in front");
  static_assert(M != Mistake::kernel_exceeds_input, "the kernel is larger than the padded image that reaches it");
  static_assert(M != Mistake::groups_do_not_divide, "Groups must divide both the input and the output channels");
  static_assert(M != Mistake::zero_size,
                "sizes must be positive: a channel, feature, kernel, stride or dilation is not, or a padding negative");
  static_assert(M != Mistake::padding_exceeds_half_kernel,
                "a pooling window's padding must be at most half its kernel");
  static_assert(M != Mistake::unknown_option, "one of the options is not an option of this layer");
  static_assert(M != Mistake::repeated_option, "one of the options is given twice");
  static_assert(M != Mistake::not_a_layer,
                "this type is no layer: it lacks one of kind, options, accepts, wants, output, macs, parameters, "
                "and it is no container with a visit either");
  static_assert(M != Mistake::branches_differ,
                "the branches of this Residual end in different shapes: Got is the shortcut's, Wants is Main's");
  static_assert(M != Mistake::concat_sizes_differ,
                "the branches of this Concat differ in height or width, or one is flat and the other not: "
                "Got is the next branch's shape, Wants that of those before it");
  static_assert(M != Mistake::class_count_differs,
                "the last layer gives another number of logits than the loss has classes");
  static_assert(M != Mistake::bad_probability, "a dropout probability lies between 0 and 100 percent");
  static_assert(M != Mistake::bad_fraction,
                "Epsilon must not be negative, Momentum must lie between 0 and 1, both need a positive denominator");
  static_assert(M != Mistake::empty_input, "the input of the network is empty: each of its extents must be positive");
  static_assert(M != Mistake::loss_within, "a loss is no part of the network: it is named beside it");
  static_assert(M != Mistake::not_a_loss, "this is no loss: a loss is a layer whose kind says `.loss = true`");
  static_assert(M != Mistake::repeated_name,
                "another layer with parameters has the same name, so no file could hold both: derive a struct with a "
                "name of its own");
  static_assert(M != Mistake::no_kernel,
                "the backend has no kernel for this layer in the mode asked for; "
                "a layer of your own needs both forward and backward");
};

}  // namespace tinycnn
