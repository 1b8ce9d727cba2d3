// Builds text from strings and integers. Every + of std::string is inlined together with its exception cleanup, which
// costs compile time in each translation unit; a list of pieces is plain data on the stack and a single call.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// A part of a text: a string, which must outlive the piece, or an integer.
class Piece {
 public:
  constexpr Piece(std::string_view words) : words_(words.data()), value_(words.size()) {}
  constexpr Piece(const char* words) : Piece(std::string_view(words)) {}
  Piece(const std::string& words) : words_(words.data()), value_(words.size()) {}
  template <class Number>
    requires(std::is_integral_v<Number> && sizeof(Number) > 1)
  constexpr Piece(Number number)
      : number_(true),
        negative_(is_negative(number)),
        value_(negative_ ? 0 - std::uint64_t(number) : std::uint64_t(number)) {}

  [[gnu::cold]] void append_to(std::string& text) const {
    if (!number_) {
      text.append(words_, value_);
      return;
    }
    char digits[21];
    char* first = digits + sizeof digits;
    std::uint64_t left = value_;
    do *--first = char('0' + left % 10);
    while ((left /= 10) != 0);
    if (negative_) *--first = '-';
    text.append(first, std::size_t(digits + sizeof digits - first));
  }

 private:
  template <class Number>
  static constexpr bool is_negative(Number number) {
    if constexpr (std::is_signed_v<Number>) return number < 0;
    return false;
  }

  const char* words_ = nullptr;
  bool number_ = false, negative_ = false;
  std::uint64_t value_;  // the integer's magnitude, or the string's length
};

/// Appends the pieces to `text`.
[[gnu::cold]] inline void append(std::string& text, std::initializer_list<Piece> pieces) {
  for (const Piece& piece : pieces) piece.append_to(text);
}

/// Concatenates the pieces: {"value ", 3, " is missing"} -> "value 3 is missing".
[[gnu::cold]] inline std::string joined(std::initializer_list<Piece> pieces) {
  std::string text;
  append(text, pieces);
  return text;
}

}  // namespace tinycnn
