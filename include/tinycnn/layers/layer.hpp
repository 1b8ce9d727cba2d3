// A layer as the planner sees it: kind, options, shapes, operation count and parameters, all constexpr data.
#pragma once

#include <cstdint>
#include <string_view>

#include <tinycnn/core/dims.hpp>

namespace tinycnn {

/// The properties of a kind of layer. Kinds are identified by the *address* of their `inline constexpr Kind`, so that
/// users can add more.
struct Kind {
  std::string_view name;
  bool view = false;          ///< computes nothing: the output is the input in another shape (Flatten, Identity)
  bool view_in_eval = false;  ///< computes in training only (Dropout)
  bool loss = false;          ///< reads labels, ends the graph and starts the backward pass
};

/// The base of the options of a layer that a kernel may read. A layer that has some defines a struct of its own, and a
/// `static constexpr` pointer `options` to one (a pointer, since nvcc 13 does not take references there).
struct LayerOptions {};

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
  constexpr void kernel(std::string_view name, int o, int i, int rows, int columns, Initializer initializer) {
    add({.name = name, .axes = Axes::kernel, .extents = {o, i, rows, columns}, .rank = 4, .initializer = initializer});
  }
  constexpr void kernel(std::string_view name, int o, int i, int k, Initializer initializer) {
    kernel(name, o, i, k, k, initializer);
  }
  constexpr void matrix(std::string_view name, int out_features, int in_features, Initializer initializer) {
    add({.name = name,
         .axes = Axes::matrix,
         .extents = {out_features, in_features, 1, 1},
         .rank = 2,
         .initializer = initializer});
  }
  constexpr void channel(std::string_view name, int c, Initializer initializer) {
    add({.name = name, .axes = Axes::per_channel, .extents = {c, 1, 1, 1}, .rank = 1, .initializer = initializer});
  }
  constexpr void channel_buffer(std::string_view name, int c, Initializer initializer) {
    add({.name = name,
         .axes = Axes::per_channel,
         .extents = {c, 1, 1, 1},
         .rank = 1,
         .initializer = initializer,
         .buffer = true});
  }
  constexpr void counter(std::string_view name) {
    add({.name = name, .axes = Axes::scalar, .initializer = zeros, .buffer = true, .integer = true});
  }
};

struct OwnKernels;  // layers/own_layer.hpp: the forward and backward of a custom layer
struct Activation;  // layers/activation.hpp: the functions of an activation

/// One layer of a network, with its shapes.
struct Layer {
  const Kind* kind = nullptr;
  const LayerOptions* options = nullptr;  ///< those that its type defines, or null
  Dims in{};
  Dims out{};
  std::int64_t macs = 0;
  int first_parameter = 0;
  int parameter_count = 0;
  int segment = -1;  ///< its name, as an index into the graph's name segments
  const OwnKernels* own = nullptr;
  const Activation* activation = nullptr;  ///< null if the layer is none
};

/// The options of a layer whose kind defines them as a struct `Options`.
template <class Options>
constexpr const Options& options_of(const Layer& layer) {
  return static_cast<const Options&>(*layer.options);
}

}  // namespace tinycnn
