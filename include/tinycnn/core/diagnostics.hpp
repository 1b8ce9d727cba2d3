// The one exception of the library: a sentence that names the file, field or layer and says what to do.
#pragma once

#include <stdexcept>

namespace tinycnn {

/// Thrown for everything that can go wrong at run time; `what()` is one plain sentence.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace tinycnn
