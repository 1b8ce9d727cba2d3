// Writes CSV files: a header line, then one line per row. Each row is flushed to the operating system when it is
// written.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <unistd.h>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// The shortest decimal text that reads back as the same number.
template <class Number>
  requires std::is_arithmetic_v<Number>
[[gnu::cold]] std::string shortest(Number value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// Appends rows to a CSV file. Text is quoted where RFC 4180 requires it. Throws an Error if the file cannot be
/// written.
class CsvWriter {
 public:
  /// Creates a file with the header only; replaces an existing one.
  [[gnu::cold]] CsvWriter(const std::string& path, std::string_view header) : CsvWriter(path) {
    std::string line(header);
    write_file(path_, line += '\n');
    open();
  }

  /// Continues the file of an interrupted run: keeps the header and the first `rows` complete rows, drops the rest.
  /// Throws an Error if the file has fewer rows or a different header.
  [[gnu::cold]] static CsvWriter resume(const std::string& path, std::string_view header, std::int64_t rows) {
    const std::string text = read_file(path);
    std::size_t end = text.find('\n');
    if (end == std::string::npos || std::string_view(text).substr(0, end) != header)
      throw Error({"cannot resume '", path, "': its first line is not '", header, "'"});
    for (std::int64_t row = 0; row < rows; ++row) {
      end = end_of_row(text, end + 1);
      if (end == std::string::npos)
        throw Error(
            {"cannot resume '", path, "': it holds ", row, " rows of the ", rows, " that the checkpoint has seen"});
    }
    CsvWriter writer(path);
    if (end + 1 != text.size()) write_file(path, std::string_view(text).substr(0, end + 1));
    writer.open();
    return writer;
  }

  CsvWriter(CsvWriter&& other) noexcept : path_(std::move(other.path_)), file_(other.file_) { other.file_ = nullptr; }
  CsvWriter& operator=(CsvWriter&&) = delete;
  ~CsvWriter() {
    if (file_) std::fclose(file_);
  }

  /// Writes one row: numbers as `shortest` text, strings unchanged (quoted if necessary).
  template <class... Fields>
  [[gnu::cold]] void line(const Fields&... fields) {
    write({Field(fields)...});
  }

  /// Waits until all rows are on the disk. Call it before saving a checkpoint that counts the rows.
  [[gnu::cold]] void sync() {
    if (::fsync(::fileno(file_)) != 0) throw_file_error("write", path_);
  }

 private:
  explicit CsvWriter(const std::string& path) : path_(path) {}

  /// The position of the newline that ends the row starting at `begin`, ignoring newlines in quotes; npos if there is
  /// none.
  static std::size_t end_of_row(std::string_view text, std::size_t begin) {
    bool quoted = false;
    for (std::size_t i = begin; i < text.size(); ++i) {
      if (text[i] == '"') quoted = !quoted;
      if (text[i] == '\n' && !quoted) return i;
    }
    return std::string_view::npos;
  }

  void open() { file_ = open_stream(path_, O_APPEND); }

  /// A number's text or a string, which must outlive the field.
  struct Field {
    template <class Value>
    [[gnu::cold]] explicit Field(const Value& value) {
      if constexpr (std::is_arithmetic_v<Value>)
        text = {digits, std::size_t(std::to_chars(digits, digits + sizeof digits, value).ptr - digits)};
      else
        text = value;
    }
    Field(const Field&) = delete;
    char digits[40];
    std::string_view text;
  };

  [[gnu::cold]] void write(std::initializer_list<Field> fields) {
    std::string row;
    for (const Field& field : fields) {
      if (field.text.find_first_of(",\"\r\n") == std::string_view::npos) {
        row += field.text;
      } else {
        row += '"';
        for (const char letter : field.text) row.append(letter == '"' ? 2 : 1, letter);
        row += '"';
      }
      row += ',';
    }
    row.back() = '\n';
    if (std::fwrite(row.data(), 1, row.size(), file_) != row.size() || std::fflush(file_) != 0)
      throw_file_error("write", path_);
  }

  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace tinycnn
