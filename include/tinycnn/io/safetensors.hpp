// Writes safetensors files, the format in which PyTorch users exchange weights (huggingface/safetensors, as of
// 2022-09): the length of the header in 8 bytes, the header in JSON, padded with spaces to a multiple of 8, then the
// tensors' data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/io/file.hpp>
#include <tinycnn/io/json.hpp>
#include <tinycnn/io/tensor_entry.hpp>

namespace tinycnn {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "tinycnn writes its files as they lie in memory: little-endian");

/// Collects tensors and writes them to one file. The bytes of the file are determined by the calls.
class SafetensorsWriter {
 public:
  /// Adds a tensor. `write` reads the data, so it must exist until then. Throws an Error if the name is taken or
  /// reserved, the type unknown or the shape impossible.
  [[gnu::cold]] void add(const std::string& name, const std::string& dtype, const std::vector<std::int64_t>& shape,
                         const void* data) {
    if (name == "__metadata__") throw Error("a tensor cannot be called '__metadata__': safetensors keeps that name");
    for (const TensorEntry& entry : entries_)
      if (entry.name == name) throw Error({"tensor '", name, "' is added twice"});
    TensorEntry entry{name, dtype, shape, data, dtype_bytes(dtype)};
    if (entry.bytes == 0) throw Error({"tensor '", name, "' has an unknown type '", dtype, "'"});
    for (const std::int64_t extent : shape)
      if (extent < 0 || __builtin_mul_overflow(entry.bytes, std::size_t(extent), &entry.bytes))
        throw Error({"tensor '", name, "' has an impossible shape ", shape_text(shape)});
    entries_.push_back(std::move(entry));
  }
  template <class T>
  void add(const std::string& name, const std::vector<std::int64_t>& shape, const T* data) {
    add(name, dtype_of<T>(), shape, data);
  }

  /// Adds a pair of strings, such as {"format": "pt"}, to the `__metadata__` of the header.
  [[gnu::cold]] void note(const std::string& key, const std::string& value) {
    for (auto& [known, old] : notes_)
      if (known == key) throw Error({"the note '", key, "' is added twice"});
    notes_.push_back({key, value});
  }

  /// Writes the file at `path` atomically: on an error an old file stays as it was. Tensors are sorted by element size,
  /// largest first, so that each is aligned in a memory-mapped file, and otherwise keep the order of the calls of
  /// `add`.
  [[gnu::cold]] void write(const std::string& path) const {
    write(path, [](const TensorEntry& entry, FileWriter& file) { file.write(entry.data, entry.bytes); });
  }
  /// The same for tensors that were added without data: `put(entry, file)` writes the bytes of each.
  template <class Put>
  [[gnu::cold]] void write(const std::string& path, Put&& put) const {
    FileWriter file(path);
    write_to(file, put);
    file.commit();
  }
  /// The same to a FileWriter, which the caller commits, or a MemoryWriter: `put(entry, sink)`.
  template <class Sink, class Put>
  [[gnu::cold]] void write_to(Sink& sink, Put&& put) const {
    std::vector<const TensorEntry*> sorted;
    for (const std::size_t width : {8u, 4u, 2u, 1u})
      for (const TensorEntry& entry : entries_)
        if (dtype_bytes(entry.dtype) == width) sorted.push_back(&entry);

    const std::string header = header_of(sorted);
    const std::uint64_t length = header.size();
    sink.write(&length, sizeof length);
    sink.write(header);
    for (const TensorEntry* entry : sorted) put(*entry, sink);
  }

 private:
  [[gnu::cold]] [[nodiscard]] std::string header_of(const std::vector<const TensorEntry*>& sorted) const {
    std::string header = "{";
    if (!notes_.empty()) {
      header += "\"__metadata__\":{";
      for (const auto& [key, value] : notes_) append(header, {json_quoted(key), ":", json_quoted(value), ","});
      header.back() = '}';
      header += ',';
    }
    std::size_t offset = 0;
    for (const TensorEntry* entry : sorted) {
      append(header, {json_quoted(entry->name), ":{\"dtype\":\"", entry->dtype, "\",\"shape\":["});
      for (std::size_t i = 0; i < entry->shape.size(); ++i) append(header, {i > 0 ? "," : "", entry->shape[i]});
      append(header, {"],\"data_offsets\":[", offset, ",", offset + entry->bytes, "]},"});
      offset += entry->bytes;
    }
    if (header.back() == ',') header.pop_back();
    header += '}';
    header.append((8 - header.size() % 8) % 8, ' ');
    return header;
  }

  std::vector<TensorEntry> entries_;
  std::vector<std::pair<std::string, std::string>> notes_;
};

}  // namespace tinycnn
