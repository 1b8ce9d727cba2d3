// Common code of the fuzzers: writes an input to a file, and checks what every reader must guarantee.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../support/scratch_folder.hpp"

namespace fuzz {

/// The path of a file in a folder of this process; tests/fuzz/run.py removes the folders of crashed runs.
inline std::string scratch(const std::string& name) {
  static const ScratchFolder folder;
  return folder / name;
}

inline std::string_view view(const std::uint8_t* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

/// Aborts if the condition is false, so that libFuzzer keeps the input.
inline void demand(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what.c_str());
  std::abort();
}

/// Runs `action`; returns false if it throws an Error, whose message must be one line that names `file`. Any other
/// exception aborts the process.
template <class Action>
bool accepts(const std::string& file, Action action) {
  try {
    action();
    return true;
  } catch (const tinycnn::Error& error) {
    const std::string sentence = error.what();
    demand(contains(sentence, file), "an error names its file: " + sentence);
  }
  return false;
}

}  // namespace fuzz
