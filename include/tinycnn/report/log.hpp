// The log of a run: writes every line to a file and, unless quiet, to standard output.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

#include <tinycnn/io/open_file.hpp>

namespace tinycnn {

/// A log file for people. Lines are appended to an existing file. Throws an Error if the file cannot be opened.
class Log {
 public:
  [[gnu::cold]] explicit Log(const std::string& path, bool quiet = false)
      : file_(open_stream(path, O_APPEND)), quiet_(quiet) {}
  [[gnu::cold]] ~Log() { std::fclose(file_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Writes a line, formatted as by printf; a newline is added.
  [[gnu::cold]] [[gnu::format(printf, 2, 3)]] void line(const char* format, ...) {
    for (std::FILE* out : {stdout, file_}) {
      if (quiet_ && out == stdout) continue;
      va_list values;
      va_start(values, format);
      std::vfprintf(out, format, values);
      va_end(values);
      std::fputc('\n', out);
      std::fflush(out);
    }
  }

 private:
  std::FILE* file_;
  bool quiet_;
};

}  // namespace tinycnn
