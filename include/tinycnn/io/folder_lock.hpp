// A lock that allows only one run at a time in a folder.
#pragma once

#include <string>

#include <sys/file.h>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// An RAII lock on a folder. The constructor throws an Error if the folder is locked already, by this process or
/// another. The lock is released with the object and, in any case, when the process ends. The empty file
/// `<folder>/.lock` remains; its existence does not mean that the folder is locked.
class FolderLock {
 public:
  [[gnu::cold]] explicit FolderLock(const std::string& folder) {
    const std::string path = joined({folder, "/.lock"});
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
  [[gnu::cold]] ~FolderLock() { ::close(file_); }

 private:
  int file_;
};

}  // namespace tinycnn
