// The settings of a program that a checkpoint remembers: some must not change when a run is resumed, others may.
#pragma once

#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tinycnn/train/checkpoint.hpp>
#include <tinycnn/train/run_folder.hpp>

namespace tinycnn {

/// A list of named numbers and strings, which must outlive it. A resumed run takes those that the user has not given
/// from the checkpoint.
class Settings {
 public:
  /// All settings count as given by the user.
  Settings() = default;
  /// Only the settings with these names count as given.
  [[gnu::cold]] explicit Settings(std::vector<std::string> given) : given_(std::move(given)), all_given_(false) {}

  /// Adds a setting that affects the results: a given value that differs from the checkpoint's is refused.
  template <class Value>
  [[gnu::cold]] Settings& fixed(const char* name, Value& value) {
    return add(name, value, true);
  }
  /// Adds a setting that a resumed run may change.
  template <class Value>
  [[gnu::cold]] Settings& kept(const char* name, Value& value) {
    return add(name, value, false);
  }

  [[gnu::cold]] void add_to(Notes& notes) const {
    for (const Setting& each : all_) notes.add(each.name, each.text(each.value));
  }

  /// Sets those that are not given to the values in the notes of `folder`'s checkpoint. Throws an Error if a value is
  /// missing or unreadable, or a fixed one is given and differs.
  [[gnu::cold]] void resume(const Notes& notes, const std::string& checkpoint, const RunFolder& folder) const {
    for (const Setting& each : all_) {
      const std::string* known = notes.find(each.name);
      if (known == nullptr)
        throw Error({"'", checkpoint, "' is no checkpoint of this program: its note '", each.name, "' is missing"});
      if (each.read(each.value, notes, each.name, checkpoint, is_given(each.name)) || !each.is_fixed) continue;
      throw folder.cannot_resume(
          joined({"it was begun with ", each.name, " '", *known, "', not '", each.text(each.value), "'"}),
          "leave the flag out");
    }
  }

 private:
  struct Setting {
    const char* name;
    void* value;
    bool is_fixed;
    std::string (*text)(const void* value);
    /// Reads the note and, unless it is given, sets the value to it; returns whether they are equal then.
    bool (*read)(void* value, const Notes& notes, const char* name, const std::string& path, bool given);
  };

  [[gnu::cold]] bool is_given(std::string_view name) const {
    for (const std::string& each : given_)
      if (each == name) return true;
    return all_given_;
  }

  template <class Value>
  [[gnu::cold]] Settings& add(const char* name, Value& value, bool is_fixed) {
    static_assert(std::is_same_v<Value, std::string> || (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>),
                  "a setting is a number or a std::string");
    all_.push_back({name, &value, is_fixed, text_of<Value>, read<Value>});
    return *this;
  }

  template <class Value>
  [[gnu::cold]] static std::string text_of(const void* value) {
    if constexpr (std::is_arithmetic_v<Value>)
      return shortest(*static_cast<const Value*>(value));
    else
      return *static_cast<const Value*>(value);
  }
  template <class Value>
  [[gnu::cold]] static bool read(void* value, const Notes& notes, const char* name, const std::string& path,
                                 bool given) {
    Value known;
    if constexpr (std::is_arithmetic_v<Value>)
      known = notes.number<Value>(name, path, std::numeric_limits<Value>::lowest(), std::numeric_limits<Value>::max());
    else
      known = *notes.find(name);
    auto& now = *static_cast<Value*>(value);
    if (!given) now = known;
    return now == known;
  }

  std::vector<Setting> all_;
  std::vector<std::string> given_;
  bool all_given_ = true;
};

}  // namespace tinycnn
