// The library's only exception type.
#pragma once

#include <stdexcept>

#include <tinycnn/core/text.hpp>

namespace tinycnn {

/// Thrown for every run-time error. `what()` is one sentence that names the file, field or layer concerned.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
  [[gnu::cold]] Error(std::initializer_list<Piece> sentence) : runtime_error(joined(sentence)) {}
};

}  // namespace tinycnn
