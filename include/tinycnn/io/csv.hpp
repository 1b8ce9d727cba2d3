// A table as text: one header line, one line a row, each on the disk's doorstep (flushed) as soon as it is complete.
#pragma once

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>

#include <unistd.h>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// The shortest decimal that reads back as the same number.
template <class Number>
  requires std::is_arithmetic_v<Number>
[[gnu::cold]] std::string shortest(Number value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// Appends rows to a comma-separated file. Text that needs it is quoted as RFC 4180 says.
class CsvWriter {
 public:
  /// A fresh file that holds the header only; an old one is replaced.
  [[gnu::cold]] CsvWriter(const std::string& path, std::string_view header) : CsvWriter(path) {
    std::string line(header);
    write_file(path_, line += '\n');
    open();
  }

  /// Goes on with a file that a stopped run left behind: keeps the header and the first `rows` complete rows, drops the
  /// rest. A file with fewer rows or another header is refused.
  [[gnu::cold]] static CsvWriter resume(const std::string& path, std::string_view header, long rows) {
    const std::string text = read_file(path);
    std::size_t end = text.find('\n');
    if (end == std::string::npos || std::string_view(text).substr(0, end) != header)
      throw Error({"cannot resume '", path, "': its first line is not '", header, "'"});
    for (long row = 0; row < rows; ++row) {
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

  /// One row: numbers in their shortest exact form, text as it is.
  template <class... Fields>
  [[gnu::cold]] void line(const Fields&... fields) {
    std::string row;
    ((row += field(fields), row += ','), ...);
    row.back() = '\n';
    if (std::fwrite(row.data(), 1, row.size(), file_) != row.size() || std::fflush(file_) != 0)
      throw_file_error("write", path_);
  }

  /// Returns when every row is on the disk: a checkpoint that counts them must not be there before them.
  [[gnu::cold]] void sync() {
    if (::fsync(::fileno(file_)) != 0) throw_file_error("write", path_);
  }

 private:
  explicit CsvWriter(const std::string& path) : path_(path) {}

  /// Where the row from `begin` on has its end of line, which is none within quotes; npos where it has none.
  static std::size_t end_of_row(std::string_view text, std::size_t begin) {
    bool quoted = false;
    for (std::size_t i = begin; i < text.size(); ++i) {
      if (text[i] == '"') quoted = !quoted;
      if (text[i] == '\n' && !quoted) return i;
    }
    return std::string_view::npos;
  }

  void open() { file_ = open_stream(path_, O_APPEND); }

  template <class Field>
  static std::string field(const Field& value) {
    if constexpr (std::is_arithmetic_v<Field>) {
      return shortest(value);
    } else {
      const std::string_view text(value);
      if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
      std::string quoted = "\"";
      for (const char letter : text) quoted.append(letter == '"' ? 2 : 1, letter);
      return quoted += '"';
    }
  }

  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace tinycnn
