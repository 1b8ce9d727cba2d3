// A network's parameters and buffers by PyTorch's names, shapes and order: first values, files, both ways.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <tinycnn/backends/layout.hpp>
#include <tinycnn/core/diagnostics.hpp>
#include <tinycnn/core/random.hpp>
#include <tinycnn/io/safetensors.hpp>
#include <tinycnn/io/safetensors_file.hpp>
#include <tinycnn/plan/names.hpp>

namespace tinycnn {

/// Where a network's numbers lie on a backend. It owns nothing.
template <class T>
struct NetworkState {
  const Graph* graph = nullptr;
  Order order = Order::chw;
  T* parameters = nullptr;
  T* buffers = nullptr;

  [[nodiscard]] T* data(const Parameter& p) const { return (p.buffer ? buffers : parameters) + p.offset; }
  /// Element `i` of parameter `p`, counted in PyTorch's order.
  [[nodiscard]] T& at(const Parameter& p, long i) const {
    return data(p)[parameter_place(order, graph->layers[p.layer], p, i)];
  }
};

/// Draws the first values as torch.nn does: Conv2d and Linear from U(-b, b) with b = 1 / sqrt(fan_in), BatchNorm 1 and
/// 0. Keyed by (seed, parameter, element in PyTorch's order), so no backend or layout changes a network's start.
template <class T>
void initialize(const NetworkState<T>& state, std::uint64_t seed) {
  for (int k = 0; k < state.graph->parameter_count; ++k) {
    const Parameter& p = state.graph->parameters[k];
    const double bound = 1 / std::sqrt(double(p.start.fan_in));
    for (long i = 0; i < p.size(); ++i) {
      double value = p.start.rule == Start::Rule::ones ? 1 : 0;
      if (p.start.rule == Start::Rule::uniform)
        value = (2 * double(uniform(seed, std::uint64_t(k), std::uint64_t(i))) - 1) * bound;
      state.at(p, i) = T(value);
    }
  }
}

namespace detail {

inline std::vector<long> shape_of(const Parameter& p) { return {p.extents, p.extents + p.rank}; }

inline constexpr long numbers_at_once =
    1L << 14;  // files go through a small buffer, never through a second copy of the network

/// Reads `p`, every number of which must be finite as T, and puts it in place if told so.
template <class Stored, class T>
[[gnu::cold]] void read_parameter(const SafetensorsFile& file, const NetworkState<T>& state, const Parameter& p,
                                  bool write) {
  const std::string name = parameter_name(*state.graph, p);
  const TensorEntry& entry = *file.find(name);
  if (entry.dtype != dtype_of<Stored>())
    throw Error("tensor '" + name + "' of '" + file.path() + "' is " + entry.dtype + ", " + dtype_of<Stored>() +
                " is wanted");
  std::vector<Stored> numbers(numbers_at_once);
  for (long first = 0; first < p.size(); first += numbers_at_once) {
    const long count = p.size() - first < numbers_at_once ? p.size() - first : numbers_at_once;
    file.read_part(entry, first, count, numbers.data());
    for (long i = 0; i < count; ++i) {
      const T number = T(numbers[std::size_t(i)]);
      if (!std::isfinite(double(number)))
        throw Error("tensor '" + name + "' of '" + file.path() + "' holds a number that is not finite");
      if (write) state.at(p, first + i) = number;
    }
  }
}

/// Writes `p` as numbers of type Stored.
template <class Stored, class T>
[[gnu::cold]] void write_parameter(FileWriter& file, const NetworkState<T>& state, const Parameter& p) {
  std::vector<Stored> numbers(numbers_at_once);
  for (long first = 0; first < p.size(); first += numbers_at_once) {
    const long count = p.size() - first < numbers_at_once ? p.size() - first : numbers_at_once;
    for (long i = 0; i < count; ++i) numbers[std::size_t(i)] = Stored(state.at(p, first + i));
    file.write(numbers.data(), std::size_t(count) * sizeof(Stored));
  }
}

}  // namespace detail

/// Writes every parameter and buffer as float32 (counters as int64) under PyTorch's state_dict names, all or nothing.
template <class T>
[[gnu::cold]] void save_state(const std::string& path, const NetworkState<T>& state) {
  const Graph& g = *state.graph;
  SafetensorsWriter writer;
  writer.note("format", "pt");
  for (int k = 0; k < g.parameter_count; ++k)
    writer.add(parameter_name(g, g.parameters[k]), g.parameters[k].integer ? "I64" : "F32",
               detail::shape_of(g.parameters[k]), &g.parameters[k]);
  writer.write(path, [&](const TensorEntry& entry, FileWriter& file) {
    const Parameter& p = *static_cast<const Parameter*>(entry.data);
    if (p.integer)
      detail::write_parameter<std::int64_t>(file, state, p);
    else
      detail::write_parameter<float>(file, state, p);
  });
}

/// Reads what PyTorch or `save_state` wrote (float32 or float64). Every tensor of the network must be there with its
/// shape, and no other; nothing is changed before that is known.
template <class T>
[[gnu::cold]] void load_state(const std::string& path, const NetworkState<T>& state) {
  const Graph& g = *state.graph;
  const SafetensorsFile file(path);
  std::string missing, unexpected;
  for (int k = 0; k < g.parameter_count; ++k) {
    const std::string name = parameter_name(g, g.parameters[k]);
    const TensorEntry* entry = file.find(name);
    if (entry == nullptr)
      missing += (missing.empty() ? "" : ", ") + name;
    else if (entry->shape != detail::shape_of(g.parameters[k]))
      throw Error("tensor '" + name + "' of '" + path + "' has shape " + shape_text(entry->shape) +
                  ", the network's has " + shape_text(detail::shape_of(g.parameters[k])));
  }
  for (const TensorEntry& entry : file.entries()) {
    bool known = false;
    for (int k = 0; k < g.parameter_count && !known; ++k) known = parameter_name(g, g.parameters[k]) == entry.name;
    if (!known) unexpected += (unexpected.empty() ? "" : ", ") + entry.name;
  }
  if (!missing.empty() || !unexpected.empty())
    throw Error("'" + path + "' is of another network:" + (missing.empty() ? "" : " missing " + missing) +
                (missing.empty() || unexpected.empty() ? "" : ";") +
                (unexpected.empty() ? "" : " unexpected " + unexpected));
  for (const bool write : {false, true})  // nothing is written before all has been read
    for (int k = 0; k < g.parameter_count; ++k) {
      const Parameter& p = g.parameters[k];
      if (p.integer)
        detail::read_parameter<std::int64_t>(file, state, p, write);
      else if (file.find(parameter_name(g, p))->dtype == "F64")
        detail::read_parameter<double>(file, state, p, write);
      else
        detail::read_parameter<float>(file, state, p, write);
    }
}

}  // namespace tinycnn
