// Checkpoints: the complete training state in one safetensors file. The caller adds the state of its own loop as notes,
// pairs of name and value.
#pragma once

#include <charconv>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/io/csv.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// The state of the caller's training loop in a checkpoint: names and values, in the order in which they were added.
class Notes {
 public:
  [[gnu::cold]] void add(const std::string& name, const std::string& value) { all_.push_back({name, value}); }
  /// Adds a number as the shortest text that reads back as the same number.
  template <class Number>
    requires std::is_arithmetic_v<Number>
  [[gnu::cold]] void add(const std::string& name, Number value) {
    add(name, shortest(value));
  }

  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

  /// The value of that name, null if there is none.
  [[gnu::cold]] [[nodiscard]] const std::string* find(const std::string& name) const {
    for (const auto& [known, value] : all_)
      if (known == name) return &value;
    return nullptr;
  }

  /// The value of `name` as a number. Throws an Error, which names `path`, unless it is a number in [least, most].
  template <class Number>
  [[gnu::cold]] Number number(const std::string& name, const std::string& path, Number least, Number most) const {
    const std::string* text = find(name);
    if (text == nullptr) refuse(path, {name, "' is missing"});
    Number value{};
    const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), value);
    const bool read = fault == std::errc{} && end == text->data() + text->size();
    if (!read || !(value >= least && value <= most)) refuse(path, {name, "' is '", *text, "'"});
    return value;
  }

 private:
  [[gnu::cold]] [[noreturn]] static void refuse(const std::string& path, std::initializer_list<Piece> why) {
    throw Error({"'", path, "' is no checkpoint to go on from: its note '", joined(why)});
  }

  std::vector<std::pair<std::string, std::string>> all_;
};

/// Adds the state of an optimizer or a schedule, if it has any: a note for every part that its `visit_state` names,
/// after `prefix`.
template <class Owner>
[[gnu::cold]] void add_state(Notes& notes, const std::string& prefix, Owner owner) {
  if constexpr (requires { owner.visit_state([](const char*, auto&) {}); })
    owner.visit_state([&](const char* name, const auto& value) { notes.add(prefix + name, value); });
}

/// Reads what `add_state` added. Throws an Error, which names `path`, if a part is missing or is not a number.
template <class Owner>
[[gnu::cold]] void read_state(const Notes& notes, const std::string& prefix, const std::string& path, Owner& owner) {
  if constexpr (requires { owner.visit_state([](const char*, auto&) {}); })
    owner.visit_state([&](const char* name, auto& value) {
      using Number = std::remove_reference_t<decltype(value)>;
      using Limits = std::numeric_limits<Number>;
      value = notes.number<Number>(prefix + name, path, Limits::has_infinity ? -Limits::infinity() : Limits::lowest(),
                                   Limits::has_infinity ? Limits::infinity() : Limits::max());
    });
}

namespace detail {

inline constexpr const char* checkpoint_key = "tinycnn checkpoint";
inline constexpr const char* checkpoint_version = "1";

/// Throws an Error if a valid safetensors file is not a checkpoint of this version.
[[gnu::cold]] inline void check_is_checkpoint(const SafetensorsFile& file) {
  const std::string* version = file.note(checkpoint_key);
  if (version == nullptr) throw Error({"'", file.path(), "' is no checkpoint; one is written by save_checkpoint"});
  if (*version != checkpoint_version)
    throw Error({"'", file.path(), "' is a checkpoint of version ", *version, ", this program reads version ",
                 checkpoint_version});
}

}  // namespace detail

/// The notes of the checkpoint at `path`; its tensors are not read. Throws an Error if it is not a checkpoint.
[[gnu::cold]] inline Notes read_notes(const std::string& path) {
  const SafetensorsFile file(path);
  detail::check_is_checkpoint(file);
  Notes notes;
  for (const auto& [name, value] : file.notes())
    if (name != detail::checkpoint_key) notes.add(name, value);
  return notes;
}

/// Writes the elements of `states`, in type T, and the notes, atomically: on an error an old file stays as it was.
template <class T>
[[gnu::cold]] void write_checkpoint(const std::string& path, const NamedStates<T>& states, const Notes& notes) {
  SafetensorsWriter writer;
  writer.note(detail::checkpoint_key, detail::checkpoint_version);
  for (const auto& [name, value] : notes.all()) writer.note(name, value);
  FileWriter file(path);
  write_states<std::remove_const_t<T>, T>(writer, file, states);
  file.commit();
}

/// Reads the elements of `states`. On any error throws an Error and changes nothing.
template <class T>
[[gnu::cold]] void read_checkpoint(const std::string& path, const NamedStates<T>& states) {
  const SafetensorsFile file(path);
  detail::check_is_checkpoint(file);
  read_states<T>(file, states);
}

}  // namespace tinycnn
