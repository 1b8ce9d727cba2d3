// A checksum that identifies a data set, so that a run is not resumed on another one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace tinycnn {

/// FNV-1a of everything that is added.
class Fingerprint {
 public:
  [[gnu::cold]] void add(const void* bytes, std::size_t count) {
    const auto* byte = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < count; ++i) sum_ = (sum_ ^ byte[i]) * 0x100000001b3;
  }
  void add(std::string_view text) { add(text.data(), text.size()); }

  /// The sum as 16 hexadecimal digits.
  [[nodiscard]] [[gnu::cold]] std::string text() const {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(sum_));
    return digits;
  }

 private:
  std::uint64_t sum_ = 0xcbf29ce484222325;
};

}  // namespace tinycnn
