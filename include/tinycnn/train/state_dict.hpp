// A network's parameters and buffers under PyTorch's names, in its shapes and order: initialization, saving, loading.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/backends/layout.hpp>
#include <tinycnn/core/error.hpp>
#include <tinycnn/core/random.hpp>
#include <tinycnn/io/narrow_floats.hpp>
#include <tinycnn/io/safetensors.hpp>
#include <tinycnn/io/safetensors_file.hpp>
#include <tinycnn/plan/names.hpp>

namespace tinycnn {

/// A non-owning view of a network's parameters and buffers in host memory; read-only if T is const.
template <class T>
struct NetworkState {
  const Graph* graph = nullptr;
  Order order = Order::chw;
  T* parameters = nullptr;
  T* buffers = nullptr;

  [[nodiscard]] T* data(const Parameter& p) const { return (p.buffer ? buffers : parameters) + p.offset; }
  /// Element `i` of parameter `p`, counted in PyTorch's order.
  [[nodiscard]] T& at(const Parameter& p, std::int64_t i) const {
    return data(p)[parameter_offset(order, graph->layers[p.layer], p, i)];
  }
};

/// Initializes all parameters and buffers from the distributions of torch.nn: U(-b, b) with b = 1 / sqrt(fan_in) for
/// Conv2d and Linear, 1 and 0 for BatchNorm. Each draw is a function of (seed, parameter, element in PyTorch's order),
/// so that the initial values do not depend on the backend or its layout.
template <class T>
[[gnu::cold]] void initialize(const NetworkState<T>& state, std::uint64_t seed) {
  for (int k = 0; k < state.graph->parameter_count; ++k) {
    const Parameter& p = state.graph->parameters[k];
    const double bound = 1 / std::sqrt(double(p.initializer.fan_in));
    for (std::int64_t i = 0; i < p.size(); ++i) {
      double value = p.initializer.rule == Initializer::Rule::ones ? 1 : 0;
      if (p.initializer.rule == Initializer::Rule::uniform)
        value = (2 * double(uniform(seed, std::uint64_t(k), std::uint64_t(i))) - 1) * bound;
      state.at(p, i) = T(value);
    }
  }
}

/// Some of the tensors of a file: those of a network, under the names of its parameters, or one slot of its optimizer,
/// which has the layout of the trained parameters and the names "optimizer.<slot>.<parameter>".
template <class T>
struct NamedState {
  NetworkState<T> state;
  int slot = -1;  ///< -1: the network

  [[nodiscard]] bool has(const Parameter& p) const { return slot < 0 || !p.buffer; }
  [[gnu::cold]] [[nodiscard]] std::string name(const Parameter& p) const {
    std::string name = parameter_name(*state.graph, p);
    return slot < 0 ? name : joined({"optimizer.", slot, ".", name});
  }
};

/// All tensors of a file. Does not own them.
template <class T>
struct NamedStates {
  const NamedState<T>* all;
  int count;

  [[nodiscard]] const NamedState<T>* begin() const { return all; }
  [[nodiscard]] const NamedState<T>* end() const { return all + count; }
};

namespace detail {

[[gnu::cold]] inline std::vector<std::int64_t> shape_of(const Parameter& p) { return {p.extents, p.extents + p.rank}; }

/// Throws an Error if the tensor `entry` of `file` has another shape than `p`.
[[gnu::cold]] inline void check_shape(const SafetensorsFile& file, const TensorEntry& entry, const Parameter& p) {
  const std::vector<std::int64_t> shape = shape_of(p);
  if (entry.shape != shape)
    throw Error({"tensor '", entry.name, "' of '", file.path(), "' has shape ", tinycnn::shape_text(entry.shape),
                 ", the network's has ", tinycnn::shape_text(shape)});
}

inline constexpr std::int64_t elements_at_once =
    std::int64_t{1} << 14;  // the size of the buffer for file access: there is never a second copy of the network

template <class Number>
Number element_at(const char* bytes) {
  Number number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

/// One element of a tensor of floating-point type `dtype`.
[[gnu::cold]] inline double element_as_double(std::string_view dtype, const char* bytes) {
  if (dtype == "F64") return element_at<double>(bytes);
  if (dtype == "F16") return double(float_of_half(element_at<std::uint16_t>(bytes)));
  if (dtype == "BF16") return double(float_of_bfloat16(element_at<std::uint16_t>(bytes)));
  return double(element_at<float>(bytes));
}

/// Reads `p` from a tensor of type F32, F64, F16 or BF16, a counter from I64. Throws an Error if an element is not
/// finite as T. Stores the elements only if `write`.
template <class T>
[[gnu::cold]] void read_parameter(const SafetensorsFile& file, const TensorEntry& entry, const NetworkState<T>& state,
                                  const Parameter& p, bool write) {
  const std::string_view dtype = entry.dtype;
  if (p.integer ? dtype != "I64" : dtype != "F32" && dtype != "F64" && dtype != "F16" && dtype != "BF16")
    throw Error({"tensor '", entry.name, "' of '", file.path(), "' is ", entry.dtype, ", ", p.integer ? "I64" : "F32",
                 " is wanted"});
  const std::size_t each = dtype_bytes(dtype);
  std::vector<char> bytes(std::size_t(elements_at_once) * 8);
  for (std::int64_t first = 0; first < p.size(); first += elements_at_once) {
    const std::int64_t count = p.size() - first < elements_at_once ? p.size() - first : elements_at_once;
    file.read_part(entry, std::size_t(first) * each, std::size_t(count) * each, bytes.data());
    for (std::int64_t i = 0; i < count; ++i) {
      const char* from = bytes.data() + std::size_t(i) * each;
      const T number = p.integer ? T(element_at<std::int64_t>(from)) : T(element_as_double(dtype, from));
      if (!std::isfinite(double(number)))
        throw Error({"tensor '", entry.name, "' of '", file.path(), "' holds a number that is not finite"});
      if (write) state.at(p, first + i) = number;
    }
  }
}

/// Writes `p` in element type Stored.
template <class Stored, class T, class Sink>
[[gnu::cold]] void write_parameter(Sink& file, const NetworkState<T>& state, const Parameter& p) {
  std::vector<Stored> values(elements_at_once);
  for (std::int64_t first = 0; first < p.size(); first += elements_at_once) {
    const std::int64_t count = p.size() - first < elements_at_once ? p.size() - first : elements_at_once;
    for (std::int64_t i = 0; i < count; ++i) values[std::size_t(i)] = Stored(state.at(p, first + i));
    file.write(values.data(), std::size_t(count) * sizeof(Stored));
  }
}

/// A list of names for an error message: the first few, and the number of further ones.
class NameList {
 public:
  [[gnu::cold]] void add(const std::string& name) {
    if (++count_ <= shown) append(text_, {text_.empty() ? "" : ", ", name});
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[gnu::cold]] [[nodiscard]] std::string text() const {
    return count_ <= shown ? text_ : joined({text_, " and ", count_ - shown, " more"});
  }

 private:
  static constexpr int shown = 4;
  int count_ = 0;
  std::string text_;
};

}  // namespace detail

/// Writes all `states` in element type Stored (counters as int64) and the notes of `writer` to a FileWriter, which the
/// caller commits, or a MemoryWriter.
template <class Stored, class T, class Sink>
[[gnu::cold]] void write_states(SafetensorsWriter& writer, Sink& sink, const NamedStates<T>& states) {
  struct Item {
    const NamedState<T>* owner;
    const Parameter* parameter;
  };
  std::vector<Item> items;
  for (const NamedState<T>& each : states)
    for (int k = 0; k < each.state.graph->parameter_count; ++k)
      if (each.has(each.state.graph->parameters[k])) items.push_back({&each, &each.state.graph->parameters[k]});
  for (const Item& item : items)
    writer.add(item.owner->name(*item.parameter), item.parameter->integer ? "I64" : dtype_of<Stored>(),
               detail::shape_of(*item.parameter), &item);
  writer.write_to(sink, [&](const TensorEntry& entry, Sink& file) {
    const Item& item = *static_cast<const Item*>(entry.data);
    if (item.parameter->integer)
      detail::write_parameter<std::int64_t>(file, item.owner->state, *item.parameter);
    else
      detail::write_parameter<Stored>(file, item.owner->state, *item.parameter);
  });
}

namespace detail {

/// Reads the tensors of `states` that the file has in the right shape, and sets counters that it lacks to 0. Throws an
/// Error if an element is not finite or of another type; then nothing is changed.
template <class T>
[[gnu::cold]] void read_fitting(const SafetensorsFile& file, const NamedStates<T>& states) {
  for (const bool write : {false, true})  // first check all, then write all
    for (const NamedState<T>& each : states)
      for (int k = 0; k < each.state.graph->parameter_count; ++k) {
        const Parameter& p = each.state.graph->parameters[k];
        if (!each.has(p)) continue;
        const TensorEntry* entry = file.find(each.name(p));
        if (entry != nullptr && entry->shape == shape_of(p))
          read_parameter(file, *entry, each.state, p, write);
        else if (write && entry == nullptr && p.integer)
          each.state.at(p, 0) = T(0);
      }
}

}  // namespace detail

/// Reads all `states` (F32, F64, F16 or BF16). The file must hold exactly their tensors in the right shapes; only a
/// counter may be missing and then becomes 0. Throws an Error otherwise, or if an element is not finite; then nothing
/// is changed. Returns "converted from F16" or the like if the elements were not F32, else "".
template <class T>
[[gnu::cold]] std::string read_states(const SafetensorsFile& file, const NamedStates<T>& states) {
  std::vector<char> known(file.entries().size());
  detail::NameList missing, unexpected;
  std::string notice;
  for (const NamedState<T>& each : states)
    for (int k = 0; k < each.state.graph->parameter_count; ++k) {
      const Parameter& p = each.state.graph->parameters[k];
      if (!each.has(p)) continue;
      const std::string name = each.name(p);
      const TensorEntry* entry = file.find(name);
      if (entry == nullptr && p.integer) continue;  // a missing counter becomes 0, as in load_state_dict of PyTorch
      if (entry == nullptr) {
        missing.add(name);
        continue;
      }
      detail::check_shape(file, *entry, p);
      known[std::size_t(entry - file.entries().data())] = 1;
      if (notice.empty() && !p.integer && entry->dtype != "F32") append(notice, {"converted from ", entry->dtype});
    }
  for (std::size_t i = 0; i < known.size(); ++i)
    if (!known[i]) unexpected.add(file.entries()[i].name);
  if (!missing.empty() || !unexpected.empty())
    throw Error({"'", file.path(), "' is of another network:", missing.empty() ? "" : " missing ", missing.text(),
                 missing.empty() || unexpected.empty() ? "" : ";", unexpected.empty() ? "" : " unexpected ",
                 unexpected.text()});
  detail::read_fitting(file, states);
  return notice;
}

/// Reads all parameters and buffers as `read_states` does: from a path, or the bytes of a file.
template <class Source, class T>
[[gnu::cold]] std::string load_state(const Source& source, const NetworkState<T>& state) {
  const NamedState<T> network{state};
  return read_states<T>(SafetensorsFile(source), {&network, 1});
}

/// Writes all parameters and buffers as float32 (counters as int64) under the names of PyTorch's state_dict to a
/// FileWriter or a MemoryWriter.
template <class Sink, class T>
[[gnu::cold]] void write_state(Sink& sink, const NetworkState<T>& state) {
  SafetensorsWriter writer;
  writer.note("format", "pt");
  const NamedState<T> network{state};
  write_states<float, T>(writer, sink, {&network, 1});
}

/// The same to a file, atomically: on an error an old file stays as it was.
template <class T>
[[gnu::cold]] void save_state(const std::string& path, const NetworkState<T>& state) {
  FileWriter file(path);
  write_state(file, state);
  file.commit();
}

/// The bytes of the file that `save_state` writes.
template <class T>
[[gnu::cold]] std::vector<std::byte> bytes_of_state(const NetworkState<T>& state) {
  MemoryWriter memory;
  write_state(memory, state);
  return std::move(memory.bytes());
}

}  // namespace tinycnn
