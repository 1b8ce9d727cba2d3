// Checkpoints: all that shapes the training to come, in one safetensors file. The caller's loop adds what it must
// remember itself as notes, name and value.
#pragma once

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/io/csv.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// What a training loop remembers in a checkpoint: names and values, in the order they were added.
class Notes {
 public:
  void add(const std::string& name, const std::string& value) { all_.push_back({name, value}); }
  /// The shortest text that reads back as the same number.
  template <class Number>
    requires std::is_arithmetic_v<Number>
  void add(const std::string& name, Number value) {
    add(name, shortest(value));
  }

  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

  [[nodiscard]] const std::string* find(const std::string& name) const {
    for (const auto& [known, value] : all_)
      if (known == name) return &value;
    return nullptr;
  }

  /// The number noted under `name`, which must lie within [least, most]. `path` is for the error.
  template <class Number>
  [[gnu::cold]] Number number(const std::string& name, const std::string& path, Number least, Number most) const {
    const std::string* text = find(name);
    Number value{};
    const bool read = text != nullptr && [&] {
      const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), value);
      return fault == std::errc{} && end == text->data() + text->size();
    }();
    if (!read || !(value >= least && value <= most))
      throw Error({"'", path, "' is no checkpoint to go on from: its note '", name,
                   text == nullptr ? "' is missing" : joined({"' is '", *text, "'"})});
    return value;
  }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

namespace detail {

inline constexpr const char* checkpoint_key = "tinycnn checkpoint";
inline constexpr const char* checkpoint_version = "1";

/// Refuses what is sound, but not a checkpoint of this version.
[[gnu::cold]] inline void check_is_checkpoint(const SafetensorsFile& file) {
  const std::string* version = file.note(checkpoint_key);
  if (version == nullptr) throw Error({"'", file.path(), "' is no checkpoint; one is written by save_checkpoint"});
  if (*version != checkpoint_version)
    throw Error({"'", file.path(), "' is a checkpoint of version ", *version, ", this program reads version ",
                 checkpoint_version});
}

}  // namespace detail

/// The notes of the checkpoint at `path`, without its numbers.
[[gnu::cold]] inline Notes read_notes(const std::string& path) {
  const SafetensorsFile file(path);
  detail::check_is_checkpoint(file);
  Notes notes;
  for (const auto& [name, value] : file.notes())
    if (name != detail::checkpoint_key) notes.add(name, value);
  return notes;
}

/// Writes the numbers of `states` as they are and the notes; all or nothing.
template <class T>
[[gnu::cold]] void write_checkpoint(const std::string& path, const std::vector<NamedState<T>>& states,
                                    const Notes& notes) {
  SafetensorsWriter writer;
  writer.note(detail::checkpoint_key, detail::checkpoint_version);
  for (const auto& [name, value] : notes.all()) writer.note(name, value);
  write_states<std::remove_const_t<T>, T>(writer, path, states);
}

/// Reads the numbers of `states`; nothing is changed if anything is wrong.
template <class T>
[[gnu::cold]] void read_checkpoint(const std::string& path, const std::vector<NamedState<T>>& states) {
  const SafetensorsFile file(path);
  detail::check_is_checkpoint(file);
  read_states<T>(file, states);
}

}  // namespace tinycnn
