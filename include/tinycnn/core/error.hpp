// The one exception of the library: a sentence that names the file, field or layer and says what to do.
#pragma once

#include <stdexcept>

#include <tinycnn/core/text.hpp>

namespace tinycnn {

/// Thrown for everything that can go wrong at run time; `what()` is one plain sentence.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
  [[gnu::cold]] Error(std::initializer_list<Piece> sentence) : runtime_error(joined(sentence)) {}
};

}  // namespace tinycnn
