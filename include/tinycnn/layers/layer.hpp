// A layer as the planner sees it: kind, options, shapes, operation count and parameters, all constexpr data.
#pragma once

#include <cstdint>
#include <string_view>

#include <tinycnn/core/dims.hpp>
#include <tinycnn/core/window.hpp>

namespace tinycnn {

/// The properties of a kind of layer. Kinds are identified by the *address* of their `inline constexpr Kind`, so that
/// users can add more.
struct Kind {
  std::string_view name;
  bool view = false;          ///< computes nothing: the output is the input in another shape (Flatten, Identity)
  bool view_in_eval = false;  ///< computes in training only (Dropout)
  bool loss = false;          ///< reads labels, ends the graph and starts the backward pass
};

/// The reason why a network is rejected. The graph records the first mistake found; layers/mistake.hpp has the
/// messages.
enum class Mistake {
  none,
  wrong_channels,
  wrong_features,
  wants_image,
  wants_features,
  kernel_exceeds_input,
  groups_do_not_divide,
  zero_size,
  padding_exceeds_half_kernel,
  unknown_option,
  repeated_option,
  not_a_layer,
  branches_differ,
  concat_sizes_differ,
  class_count_differs,
  bad_probability,
  bad_fraction,
  empty_input,
  loss_within,
  not_a_loss,
  repeated_name,
  no_kernel,
};

/// The options of a layer that a kernel may read. Each layer sets those that apply to it.
struct Options {
  Window window{};
  int groups = 1;
  bool bias = false;
  double epsilon = 0;
  double momentum = 0;
  double probability = 0;
  bool no_winograd = false;
  double slope = 0;
};

/// How a parameter is initialized. `uniform` is U(-1/sqrt(fan_in), 1/sqrt(fan_in)), torch.nn's default for Conv2d and
/// Linear.
struct Initializer {
  enum class Rule { zeros, ones, uniform } rule = Rule::zeros;
  std::int64_t fan_in = 1;
};

inline constexpr Initializer zeros{Initializer::Rule::zeros, 1};
inline constexpr Initializer ones{Initializer::Rule::ones, 1};
constexpr Initializer uniform_by_fan_in(std::int64_t fan_in) { return {Initializer::Rule::uniform, fan_in}; }

/// The meaning of a parameter's extents. A backend chooses a layout for each; files always use PyTorch's.
enum class Axes {
  scalar,       ///< ()
  per_channel,  ///< (C): one element per channel, or per feature of a flat sample
  kernel,       ///< (O, I / groups, R, S)
  matrix,       ///< (Out, In)
  free,         ///< declared by a custom layer: stored in the declared order everywhere
};

/// A tensor that belongs to a layer: a trained parameter, or a buffer such as BatchNorm's running mean.
struct Parameter {
  std::string_view name{};
  Axes axes = Axes::scalar;
  int extents[4] = {1, 1, 1, 1};
  int rank = 0;
  Initializer initializer{};
  bool buffer = false;
  bool integer = false;  ///< written to files as I64, such as num_batches_tracked
  int layer = -1;
  std::int64_t offset = 0;  ///< in elements, within the trained parameters or the buffers

  [[nodiscard]] constexpr std::int64_t size() const {
    return std::int64_t(extents[0]) * extents[1] * extents[2] * extents[3];
  }
};

/// The list that a layer's `parameters` function fills. Without an array (`out` null) it only counts.
struct ParameterList {
  Parameter* out = nullptr;
  int count = 0;
  int layer = -1;

  constexpr void add(const Parameter& p) {
    if (out != nullptr) {
      out[count] = p;
      out[count].layer = layer;
    }
    ++count;
  }
  constexpr void kernel(std::string_view name, int o, int i, int k, Initializer initializer) {
    add({name, Axes::kernel, {o, i, k, k}, 4, initializer, false, false, -1, 0});
  }
  constexpr void matrix(std::string_view name, int out_features, int in_features, Initializer initializer) {
    add({name, Axes::matrix, {out_features, in_features, 1, 1}, 2, initializer, false, false, -1, 0});
  }
  constexpr void channel(std::string_view name, int c, Initializer initializer) {
    add({name, Axes::per_channel, {c, 1, 1, 1}, 1, initializer, false, false, -1, 0});
  }
  constexpr void channel_buffer(std::string_view name, int c, Initializer initializer) {
    add({name, Axes::per_channel, {c, 1, 1, 1}, 1, initializer, true, false, -1, 0});
  }
  constexpr void counter(std::string_view name) {
    add({name, Axes::scalar, {1, 1, 1, 1}, 0, zeros, true, true, -1, 0});
  }
};

struct OwnKernels;  // layers/own_layer.hpp: the forward and backward of a custom layer
struct Activation;  // layers/activation.hpp: the functions of an activation

/// One layer of a network, with its shapes.
struct Layer {
  const Kind* kind = nullptr;
  Options options{};
  Dims in{};
  Dims out{};
  std::int64_t macs = 0;
  int first_parameter = 0;
  int parameter_count = 0;
  int segment = -1;  ///< its name, as an index into the graph's name segments
  const OwnKernels* own = nullptr;
  const Activation* activation = nullptr;  ///< null if the layer is none
};

}  // namespace tinycnn
