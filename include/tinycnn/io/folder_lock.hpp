// One run at a time in a folder.
#pragma once

#include <string>

#include <sys/file.h>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// Holds the folder for this process: a second lock on it is an Error, in this process or another. It ends with the
/// object or, whatever happens, with the process; the empty file `<folder>/.lock` stays and means nothing by itself.
class FolderLock {
 public:
  [[gnu::cold]] explicit FolderLock(const std::string& folder) {
    const std::string path = folder + "/.lock";
    file_ = open_file(path, O_RDWR | O_CREAT).file;
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
    const int reason = errno;
    ::close(file_);
    if (reason == EWOULDBLOCK)
      throw Error({"another run is at work in '", folder, "'; wait for it, or choose another folder"});
    errno = reason;
    throw_file_error("lock", path);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() { ::close(file_); }

 private:
  int file_;
};

}  // namespace tinycnn
