// What a layer is to the planner: its kind, options, shapes, arithmetic and parameters, as plain constexpr data.
#pragma once

#include <string_view>

#include <tinycnn/core/dims.hpp>
#include <tinycnn/core/window.hpp>

namespace tinycnn {

/// What a kind of layer does, known by the *address* of its `inline constexpr Kind`, so that the set of kinds is open.
struct Kind {
  std::string_view name;
  bool view = false;          ///< never computes: its output is its input read in another shape (Flatten, Identity)
  bool view_in_eval = false;  ///< computes in training only (Dropout)
  bool loss = false;          ///< ends the graph: reads labels, starts the backward pass
};

/// Why a network is refused. The first mistake met is recorded in the graph as data (see layers/mistake.hpp).
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

/// The numbers a kernel may need from a layer; each layer fills those that are its own.
struct Options {
  Window window{};
  int groups = 1;
  bool bias = false;
  double epsilon = 0;
  double momentum = 0;
  double probability = 0;
  bool no_winograd = false;
};

/// How a parameter starts. `uniform` is U(-1/sqrt(fan_in), 1/sqrt(fan_in)), torch.nn's default for Conv2d and Linear.
struct Initializer {
  enum class Rule { zeros, ones, uniform } rule = Rule::zeros;
  long fan_in = 1;
};

inline constexpr Initializer zeros{Initializer::Rule::zeros, 1};
inline constexpr Initializer ones{Initializer::Rule::ones, 1};
constexpr Initializer uniform_by_fan_in(long fan_in) { return {Initializer::Rule::uniform, fan_in}; }

/// What the extents of a parameter mean; a backend keeps a layout for each, files always hold PyTorch's.
enum class Axes {
  scalar,       ///< ()
  per_channel,  ///< (C): one number a channel, or a feature of a flat sample
  kernel,       ///< (O, I / groups, R, S)
  matrix,       ///< (Out, In)
  free,         ///< whatever a user's own layer declares: kept in the declared order everywhere
};

/// A tensor that belongs to a layer: trained, or a buffer such as BatchNorm's running mean.
struct Parameter {
  std::string_view name{};
  Axes axes = Axes::scalar;
  int extents[4] = {1, 1, 1, 1};
  int rank = 0;
  Initializer initializer{};
  bool buffer = false;
  bool integer = false;  ///< written to files as I64 (num_batches_tracked)
  int layer = -1;
  long offset = 0;  ///< in elements, within the trained parameters or within the buffers

  [[nodiscard]] constexpr long size() const { return long(extents[0]) * extents[1] * extents[2] * extents[3]; }
};

/// Where a layer's `parameters` function puts them; with no array behind it, it only counts.
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
  constexpr void kernel(std::string_view name, int o, int i, int k, Initializer s) {
    add({name, Axes::kernel, {o, i, k, k}, 4, s, false, false, -1, 0});
  }
  constexpr void matrix(std::string_view name, int out_features, int in_features, Initializer s) {
    add({name, Axes::matrix, {out_features, in_features, 1, 1}, 2, s, false, false, -1, 0});
  }
  constexpr void channel(std::string_view name, int c, Initializer s) {
    add({name, Axes::per_channel, {c, 1, 1, 1}, 1, s, false, false, -1, 0});
  }
  constexpr void channel_buffer(std::string_view name, int c, Initializer s) {
    add({name, Axes::per_channel, {c, 1, 1, 1}, 1, s, true, false, -1, 0});
  }
  constexpr void counter(std::string_view name) {
    add({name, Axes::scalar, {1, 1, 1, 1}, 0, zeros, true, true, -1, 0});
  }
};

struct OwnKernels;  // layers/own_layer.hpp: a user's own layer carries its forward and backward with it

/// One layer of a network after its shapes are known.
struct Layer {
  const Kind* kind = nullptr;
  Options options{};
  Dims in{};
  Dims out{};
  long macs = 0;
  int first_parameter = 0;
  int parameter_count = 0;
  int segment = -1;  ///< its name, as a link into the graph's name segments
  const OwnKernels* own = nullptr;
};

}  // namespace tinycnn
