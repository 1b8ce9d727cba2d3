// The description of a tensor in a file: name, element type, shape and position.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tinycnn/core/text.hpp>

namespace tinycnn {

struct TensorEntry {
  std::string name;                 // as in PyTorch's state_dict: "layer1.0.bn1.running_var"
  std::string dtype;                // as safetensors spells it: "F32", "F64", "I64" …
  std::vector<std::int64_t> shape;  // () is a scalar
  const void* data = nullptr;       // not owned; only if the tensor is in memory
  std::size_t bytes = 0;
  std::size_t begin = 0;  // the offset in the file, if it was read from one

  [[gnu::cold]] [[nodiscard]] std::int64_t elements() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : shape) product *= extent;
    return product;
  }
};

/// The bytes per element of a type, under its name in the safetensors format; 0 if the type is unknown.
[[gnu::cold]] inline std::size_t dtype_bytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64" || dtype == "C64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "U8" || dtype == "I8" || dtype == "BOOL" || dtype == "F8_E4M3" || dtype == "F8_E5M2") return 1;
  return 0;
}

/// The name of the C++ type T in the safetensors format.
template <class T>
constexpr const char* dtype_of() {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "a tensor in a file holds numbers of at most 8 bytes");
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 8 ? "F64" : "F32";
  constexpr const char* whole[2][4] = {{"U8", "U16", "U32", "U64"}, {"I8", "I16", "I32", "I64"}};
  return whole[std::is_signed_v<T>][sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3];
}

/// "(64, 3, 3, 3)", for messages.
[[gnu::cold]] inline std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) append(text, {i > 0 ? ", " : "", shape[i]});
  return text += ')';
}

}  // namespace tinycnn
