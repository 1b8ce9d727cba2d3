// A temporary folder for a test, removed with its contents by the destructor.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tinycnn/io/file.hpp"

struct ScratchFolder {
  ScratchFolder() {
    const char* root = std::getenv("TMPDIR");
    path = std::string(root && *root ? root : "/tmp") + "/tinycnn-test-XXXXXX";
    if (!::mkdtemp(path.data())) tinycnn::throw_file_error("create", path);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { tinycnn::remove_folder(path); }

  std::string operator/(const std::string& name) const { return path + '/' + name; }
  std::string path;
};

/// Writes a file like write_file, but without syncing it to disk.
inline void put_file(const std::string& path, std::string_view bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fclose(file) != 0)
    tinycnn::throw_file_error("write", path);
}

/// The message of the tinycnn::Error that `action` throws, "" if it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const tinycnn::Error& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
