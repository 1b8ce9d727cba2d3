// Opens every file that the library reads or writes. Only regular files are opened, so it never waits for the other end
// of a FIFO.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tinycnn/core/error.hpp>

namespace tinycnn {

/// Throws "cannot <verb> '<path>': <reason of errno>".
[[gnu::cold]] [[noreturn]] inline void throw_file_error(const char* verb, const std::string& path) {
  const int reason = errno;
  throw Error({"cannot ", verb, " '", path, "': ", std::strerror(reason)});
}

inline constexpr char not_regular[] = "it is not a regular file";

/// A file descriptor and the file's size, or -1 and the reason why it cannot be opened.
struct OpenedFile {
  int file = -1;
  std::size_t size = 0;
  const char* fault = nullptr;
};

/// Opens a regular file with the flags of open(2). Refuses a folder, device, FIFO or socket before opening it, since
/// opening can have side effects. O_NONBLOCK and the second check are for a path that changes in between.
[[gnu::cold]] inline OpenedFile try_open_file(const std::string& path, int flags, mode_t mode = 0666) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) return {.fault = not_regular};
  const int file = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
  if (file < 0) return {.fault = std::strerror(errno)};
  if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode)) return {file, std::size_t(status.st_size)};
  ::close(file);
  return {.fault = not_regular};
}

/// The same, but throws an Error if the file cannot be opened.
[[gnu::cold]] inline OpenedFile open_file(const std::string& path, int flags, mode_t mode = 0666) {
  const OpenedFile opened = try_open_file(path, flags, mode);
  if (opened.fault == nullptr) return opened;
  const bool reads = (flags & O_ACCMODE) == O_RDONLY;
  const char* verb = opened.fault == not_regular ? (reads ? "read" : "write") : (reads ? "open" : "create");
  throw Error({"cannot ", verb, " '", path, "': ", opened.fault});
}

/// The same for writing to a stream; adds O_WRONLY and O_CREAT to the flags.
[[gnu::cold]] inline std::FILE* open_stream(const std::string& path, int flags, mode_t mode = 0666) {
  const int file = open_file(path, flags | O_WRONLY | O_CREAT, mode).file;
  std::FILE* stream = ::fdopen(file, flags & O_APPEND ? "a" : "w");
  if (stream != nullptr) return stream;
  ::close(file);
  throw_file_error("open", path);
}

/// The path after following all symbolic links at its end; the last one's target need not exist.
[[gnu::cold]] inline std::string follow_links(const std::string& path) {
  std::string end = path;
  char link[4096];                            // PATH_MAX
  for (int links = 0; links < 40; ++links) {  // Linux follows at most 40
    const ssize_t length = ::readlink(end.c_str(), link, sizeof link);
    if (length < 0) return end;  // not a link
    end.resize(length > 0 && link[0] == '/' ? 0 : end.rfind('/') + 1);
    end.append(link, std::size_t(length));
  }
  errno = ELOOP;
  throw_file_error("write", path);
}

/// Gives a new file the owner, group and mode of the one it will replace. If the group cannot be kept, the new group
/// gets the permissions of others.
[[gnu::cold]] inline void keep_owner_and_mode(int file, const struct stat& old) {
  const bool owner_kept = ::fchown(file, old.st_uid, gid_t(-1)) == 0;
  const bool group_kept = ::fchown(file, uid_t(-1), old.st_gid) == 0;
  mode_t mode = old.st_mode & (owner_kept && group_kept ? 07777 : 0777);
  if (!group_kept) mode = (mode & 0707) | (mode & 0007) << 3;
  ::fchmod(file, mode);  // fails on file systems without modes
}

}  // namespace tinycnn
