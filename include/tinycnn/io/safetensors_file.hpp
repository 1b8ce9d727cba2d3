// Reads safetensors files. The header is not trusted: every length, offset and shape is checked before it is used.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tinycnn/io/file.hpp>
#include <tinycnn/io/json.hpp>
#include <tinycnn/io/tensor_entry.hpp>

namespace tinycnn {

/// An open safetensors file, of which only the header is in memory. The constructor throws an Error unless the file is
/// well formed: known types, unique names, shapes that match their number of bytes, and data that fills the file from
/// the header to its end without gaps or overlaps.
class SafetensorsFile {
 public:
  [[gnu::cold]] explicit SafetensorsFile(const std::string& path) : file_(path) { read_header(); }
  /// The same for a file in memory; `bytes` must exist as long as this object.
  [[gnu::cold]] explicit SafetensorsFile(std::span<const std::byte> bytes) : file_(bytes, "the bytes in memory") {
    read_header();
  }

  /// Sorted by name.
  [[nodiscard]] const std::vector<TensorEntry>& entries() const { return entries_; }
  [[nodiscard]] const std::string& path() const { return file_.path(); }

  /// The tensor of that name, nullptr if there is none.
  [[gnu::cold]] [[nodiscard]] const TensorEntry* find(std::string_view name) const {
    std::size_t low = 0, high = entries_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (entries_[middle].name < name)
        low = middle + 1;
      else
        high = middle;
    }
    return low < entries_.size() && entries_[low].name == name ? &entries_[low] : nullptr;
  }

  /// The value of that key in `__metadata__`, nullptr if there is none.
  [[gnu::cold]] [[nodiscard]] const std::string* note(std::string_view key) const {
    for (const auto& [known, value] : notes_)
      if (known == key) return &value;
    return nullptr;
  }

  /// All pairs of `__metadata__`, in the order of the file.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& notes() const { return notes_; }

  /// Copies the tensor `name` to `out`. Throws an Error unless the tensor exists with type T and this shape.
  template <class T>
  [[gnu::cold]] void read(std::string_view name, const std::vector<std::int64_t>& shape, T* out) const {
    const TensorEntry* entry = find(name);
    if (!entry) throw Error({"'", file_.path(), "' has no tensor '", name, "'"});
    if (entry->dtype != dtype_of<T>() || entry->shape != shape)
      throw Error({"tensor '", entry->name, "' of '", file_.path(), "' is ", entry->dtype, " ",
                   shape_text(entry->shape), ", ", dtype_of<T>(), " ", shape_text(shape), " is wanted"});
    file_.read(entry->begin, entry->bytes, out);
  }

  /// Copies `count` bytes of a tensor of this file, from its byte `first` on.
  [[gnu::cold]] void read_part(const TensorEntry& entry, std::size_t first, std::size_t count, void* out) const {
    file_.read(entry.begin + first, count, out);
  }

 private:
  struct Refusal : Error {  // already names the file
    using Error::Error;
  };
  static constexpr std::uint64_t largest_header = 100'000'000;

  [[gnu::cold]] [[noreturn]] void refuse(std::initializer_list<Piece> why) const {
    throw Refusal({"'", file_.path(), "' is not a sound safetensors file: ", joined(why)});
  }
  [[gnu::cold]] [[noreturn]] void refuse(const TensorEntry& entry, std::initializer_list<Piece> why) const {
    refuse({"tensor '", entry.name, "' ", joined(why)});
  }

  [[gnu::cold]] void read_header() {
    if (file_.size() < 8) refuse({"it is shorter than 8 bytes"});
    std::uint64_t length = 0;
    file_.read(0, 8, &length);
    if ((length & 0xffffffff) == 0x04034b50)  // "PK", 3, 4
      refuse({"it is a zip archive, as torch.save writes; safetensors.torch.save_file writes what is wanted"});
    if (length > largest_header) refuse({"its header claims ", length, " bytes, more than 100 MB"});
    if (length > file_.size() - 8) refuse({"its header claims ", length, " bytes, more than the file has"});
    std::string header(length, '\0');
    file_.read(8, header.size(), header.data());
    try {
      parse_header(header);
    } catch (const Refusal&) {
      throw;
    } catch (const Error& error) {
      refuse({error.what()});
    }
    assign_data_offsets(8 + length);
  }

  [[gnu::cold]] void parse_header(std::string_view text) {
    if (text.empty() || text[0] != '{') refuse({"its header does not begin with '{'"});
    JsonCursor json(text);
    bool has_notes = false;
    json.expect('{');
    if (!json.take('}')) {
      do {
        std::string name = json.string();
        json.expect(':');
        if (name == "__metadata__") {
          if (std::exchange(has_notes, true)) refuse({"'__metadata__' occurs twice"});
          parse_notes(json);
        } else {
          parse_entry(json, std::move(name));
        }
      } while (json.more('}'));
    }
    json.expect_end();
  }

  [[gnu::cold]] void parse_notes(JsonCursor& json) {
    json.expect('{');
    if (json.take('}')) return;
    do {
      std::string key = json.string();
      json.expect(':');
      notes_.push_back({std::move(key), json.string()});
    } while (json.more('}'));
  }

  [[gnu::cold]] void parse_entry(JsonCursor& json, std::string name) {
    TensorEntry entry;
    entry.name = std::move(name);
    std::size_t end = 0;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    json.expect('{');
    do {
      const std::string field = json.string();
      json.expect(':');
      bool* seen = field == "dtype"          ? &has_dtype
                   : field == "shape"        ? &has_shape
                   : field == "data_offsets" ? &has_offsets
                                             : nullptr;
      if (!seen) refuse(entry, {"has an unknown field '", field, "'"});
      if (std::exchange(*seen, true)) refuse(entry, {"has two fields '", field, "'"});
      if (seen == &has_dtype) {
        entry.dtype = json.string();
      } else if (seen == &has_shape) {
        json.expect('[');
        if (json.take(']')) continue;
        do entry.shape.push_back(json.count());
        while (json.more(']'));
      } else {
        json.expect('[');
        entry.begin = std::size_t(json.count());  // relative to the data; see assign_data_offsets
        json.expect(',');
        end = std::size_t(json.count());
        json.expect(']');
      }
    } while (json.more('}'));
    if (!has_dtype || !has_shape || !has_offsets) refuse(entry, {"lacks one of dtype, shape and data_offsets"});

    entry.bytes = dtype_bytes(entry.dtype);
    if (entry.bytes == 0) refuse(entry, {"has an unknown type '", entry.dtype, "'"});
    for (const std::int64_t extent : entry.shape)
      if (__builtin_mul_overflow(entry.bytes, std::size_t(extent), &entry.bytes))
        refuse(entry, {"has an impossible shape ", shape_text(entry.shape)});
    if (entry.begin > end || end - entry.begin != entry.bytes)
      refuse(entry, {"has data_offsets [", entry.begin, ", ", end, "], but ", entry.dtype, " ", shape_text(entry.shape),
                     " takes ", entry.bytes, " bytes"});
    entries_.push_back(std::move(entry));
  }

  // Checks that the tensors fill the rest of the file, from byte `data` on, without gaps or overlaps; sorts them by
  // name.
  [[gnu::cold]] void assign_data_offsets(std::size_t data) {
    sort([](const TensorEntry& a, const TensorEntry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.bytes < b.bytes;
    });
    std::size_t filled = 0;
    for (TensorEntry& entry : entries_) {
      const std::size_t end = entry.begin + entry.bytes;
      if (end > file_.size() - data)
        refuse(entry, {"ends at byte ", end, " of the data, but the file has only ", file_.size() - data});
      if (entry.begin < filled) refuse(entry, {"overlaps the tensor before it"});
      if (entry.begin > filled) refuse(entry, {"leaves a hole before it"});
      entry.begin += data;
      filled = end;
    }
    if (filled != file_.size() - data) refuse({"bytes that belong to no tensor stand at its end"});

    sort([](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < entries_.size(); ++i)
      if (entries_[i].name == entries_[i - 1].name) refuse(entries_[i], {"occurs twice"});
  }

  // Merge sort, because a malicious header of 100 MB must not take quadratic time; <algorithm> is slow to compile.
  [[gnu::cold]] void sort(bool (*before)(const TensorEntry&, const TensorEntry&)) {
    std::vector<TensorEntry> other(entries_.size());
    for (std::size_t width = 1; width < entries_.size(); width *= 2) {
      for (std::size_t begin = 0; begin < entries_.size(); begin += 2 * width) {
        const std::size_t middle = begin + width < entries_.size() ? begin + width : entries_.size();
        const std::size_t end = middle + width < entries_.size() ? middle + width : entries_.size();
        for (std::size_t a = begin, b = middle, to = begin; to < end; ++to) {
          const bool from_a = a < middle && (b == end || !before(entries_[b], entries_[a]));
          other[to] = std::move(entries_[from_a ? a++ : b++]);
        }
      }
      entries_.swap(other);
    }
  }

  FileReader file_;
  std::vector<TensorEntry> entries_;
  std::vector<std::pair<std::string, std::string>> notes_;
};

}  // namespace tinycnn
