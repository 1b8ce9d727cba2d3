// A run's log: every line goes to the screen, unless that is to be quiet, and into a file.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

#include <tinycnn/io/open_file.hpp>

namespace tinycnn {

/// Lines for people. They are added to what the file holds.
class Log {
 public:
  explicit Log(const std::string& path, bool quiet = false) : file_(open_stream(path, O_APPEND)), quiet_(quiet) {}
  ~Log() { std::fclose(file_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// printf to both, with a line's end.
  [[gnu::format(printf, 2, 3)]] void line(const char* format, ...) {
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
