// A strict parser for the subset of JSON in safetensors headers: strings, non-negative integers and punctuation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tinycnn/core/error.hpp>

namespace tinycnn {

/// Reads JSON from left to right. Throws an Error that says what was expected, and at which byte, if the text differs.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  /// Skips white space; if the next character is `c`, consumes it and returns true.
  [[gnu::cold]] bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[gnu::cold]] void expect(char c) {
    if (!take(c)) refuse({"'", std::string_view(&c, 1), "' is expected"});
  }
  [[gnu::cold]] void expect_end() {
    skip_space();
    if (at_ != text_.size()) refuse({"nothing more is expected"});
  }

  /// Consumes what follows an element of an object or array: returns true for a comma, false for the closing bracket.
  [[gnu::cold]] bool more(char close) {
    if (take(',')) return true;
    if (!take(close)) refuse({"',' or '", std::string_view(&close, 1), "' is expected"});
    return false;
  }

  /// Reads an integer from 0 to 2^63 - 1.
  [[gnu::cold]] std::int64_t count() {
    skip_space();
    const std::size_t begin = at_;
    std::int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
          __builtin_add_overflow(value, std::int64_t(text_[at_] - '0'), &value))
        refuse({"the number is too large"});
    }
    if (at_ == begin || (text_[begin] == '0' && at_ > begin + 1)) refuse({"a whole number is expected"});
    return value;
  }

  /// Reads a quoted string; returns it as UTF-8 with the escapes resolved.
  [[gnu::cold]] std::string string() {
    expect('"');
    std::string value;
    for (;;) {
      const unsigned char c = next();
      if (c == '"') return value;
      if (c < 0x20) refuse({"a string holds a raw control character"});
      if (c == '\\') {
        escape(value);
      } else if (c < 0x80) {
        value += char(c);
      } else {
        sequence(c, value);
      }
    }
  }

 private:
  [[gnu::cold]] [[noreturn]] void refuse(std::initializer_list<Piece> why) const {
    throw Error({joined(why), " at byte ", at_, " of the header"});
  }
  [[gnu::cold]] void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  [[gnu::cold]] unsigned char next() {
    if (at_ == text_.size()) refuse({"a string has no end"});
    return static_cast<unsigned char>(text_[at_++]);
  }

  // Reads the rest of a UTF-8 sequence. Rejects overlong forms, surrogates and code points above U+10FFFF (RFC 3629,
  // section 4).
  [[gnu::cold]] void sequence(unsigned char first, std::string& value) {
    const int rest = first >= 0xC2 && first <= 0xDF   ? 1
                     : (first & 0xF0) == 0xE0         ? 2
                     : first >= 0xF0 && first <= 0xF4 ? 3
                                                      : 0;
    if (rest == 0) refuse({"a string is not UTF-8"});
    value += char(first);
    for (int i = 0; i < rest; ++i) {
      const unsigned char c = next();
      const unsigned char low = i > 0 ? 0x80 : first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
      const unsigned char high = i > 0 ? 0xBF : first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
      if (c < low || c > high) refuse({"a string is not UTF-8"});
      value += char(c);
    }
  }

  [[gnu::cold]] void escape(std::string& value) {
    const unsigned char c = next();
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t i = letters.find(char(c)); i != std::string_view::npos) {
      value += meanings[i];
      return;
    }
    if (c != 'u') refuse({"an unknown escape"});
    unsigned code = hex4();
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (next() != '\\' || next() != 'u') refuse({"half a surrogate pair"});
      const unsigned low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) refuse({"half a surrogate pair"});
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      refuse({"half a surrogate pair"});
    }
    if (code < 0x80) {
      value += char(code);
      return;
    }
    const int rest = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    value += char((rest == 1 ? 0xC0u : rest == 2 ? 0xE0u : 0xF0u) | (code >> (6 * rest)));
    for (int i = rest - 1; i >= 0; --i) value += char(0x80u | ((code >> (6 * i)) & 0x3Fu));
  }

  [[gnu::cold]] unsigned hex4() {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const unsigned char c = next();
      if (c >= '0' && c <= '9')
        code = code * 16 + (c - '0');
      else if (c >= 'a' && c <= 'f')
        code = code * 16 + (c - 'a') + 10;
      else if (c >= 'A' && c <= 'F')
        code = code * 16 + (c - 'A') + 10;
      else
        refuse({"four hexadecimal digits are expected"});
    }
    return code;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// The text as a quoted JSON string with the fewest possible escapes.
[[gnu::cold]] inline std::string json_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char digits[] = "0123456789abcdef";
      quoted += "\\u00";
      quoted += digits[c >> 4];
      quoted += digits[c & 15];
    } else {
      quoted += c;
    }
  }
  return quoted += '"';
}

}  // namespace tinycnn
