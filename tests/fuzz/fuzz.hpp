// What the fuzzers share: the bytes of an input as a file, and what must hold of whatever reads it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../support/scratch_folder.hpp"

namespace fuzz {

/// The path of a file in a folder of this process; tests/fuzz/run.py removes those of runs that ended early.
inline std::string scratch(const std::string& name) {
  static const ScratchFolder folder;
  return folder / name;
}

inline std::string_view view(const std::uint8_t* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

/// Ends the process where what must hold does not, so that libFuzzer keeps the input.
inline void demand(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what.c_str());
  std::abort();
}

/// Runs `action`; false where it throws an Error, which must be one sentence that names `file`. Any other exception
/// ends the process.
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
