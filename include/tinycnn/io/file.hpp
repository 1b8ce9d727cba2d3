// Reads and writes files and folders. A file is written under a temporary name and then renamed, so that no reader ever
// sees an incomplete one.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tinycnn/core/error.hpp>
#include <tinycnn/io/open_file.hpp>

namespace tinycnn {

[[gnu::cold]] inline bool path_exists(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

[[gnu::cold]] inline bool is_directory(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// "a/b/c.jpg" -> "c.jpg".
[[gnu::cold]] inline std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Creates the folder and its parents, where they do not exist.
[[gnu::cold]] inline void make_directories(const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    const bool is_last = end == std::string::npos;
    if (part.empty() || (is_last ? is_directory(part) : path_exists(part)) || ::mkdir(part.c_str(), 0777) == 0)
      continue;
    const int reason = errno;
    if (is_directory(part)) continue;  // another process created it in between
    errno = reason;
    throw_file_error("create the folder", part);
  }
}

/// Removes the folder, if it exists, and everything in it. Does not follow symbolic links.
[[gnu::cold]] inline void remove_folder(const std::string& path) {
  const auto remove = [](const char* each, const struct stat*, int, struct FTW*) { return std::remove(each); };
  if (path_exists(path) && ::nftw(path.c_str(), remove, 8, FTW_DEPTH | FTW_PHYS) != 0) throw_file_error("remove", path);
}

/// Reads parts of a regular file, or of one whose bytes are already in memory, so that a large file need not be read at
/// once.
class FileReader {
 public:
  [[gnu::cold]] explicit FileReader(const std::string& path) : path_(path), opened_(open_file(path, O_RDONLY)) {}
  /// `bytes` must exist as long as the reader; messages call them `name`.
  [[gnu::cold]] FileReader(std::span<const std::byte> bytes, const std::string& name)
      : path_(name), opened_{.size = bytes.size()}, memory_(bytes.data()) {}
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  [[gnu::cold]] ~FileReader() {
    if (opened_.file >= 0) ::close(opened_.file);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::size_t size() const { return opened_.size; }  // when it was opened

  /// Reads `count` bytes, starting at byte `from`. Throws an Error if the file has become shorter.
  [[gnu::cold]] void read(std::size_t from, std::size_t count, void* out) const {
    if (memory_ != nullptr) {
      if (from > size() || count > size() - from) throw Error({"cannot read '", path_, "': it is too short"});
      std::memcpy(out, memory_ + from, count);
      return;
    }
    for (std::size_t done = 0; done < count;) {
      const ssize_t got = ::pread(opened_.file, static_cast<char*>(out) + done, count - done, off_t(from + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_file_error("read", path_);
      if (got == 0) throw Error({"cannot read '", path_, "': it became shorter while it was read"});
      done += std::size_t(got);
    }
  }

 private:
  std::string path_;
  OpenedFile opened_;
  const std::byte* memory_ = nullptr;  // null: the bytes are in the file
};

/// Reads all bytes of a regular file.
[[gnu::cold]] inline std::string read_file(const std::string& path) {
  const FileReader file(path);
  std::string bytes(file.size(), '\0');
  file.read(0, bytes.size(), bytes.data());
  return bytes;
}

/// Writes to `<path>.partial`; `commit` syncs that file to the disk and renames it to `path`. Without a commit, the
/// destructor removes it and leaves the old file at `path` unchanged. Symbolic links are followed: the file they point
/// to is replaced. Before anything is written, the new file gets the old one's mode and, where permitted, its owner and
/// group.
class FileWriter {
 public:
  [[gnu::cold]] explicit FileWriter(const std::string& path)
      : path_(path), target_(follow_links(path)), partial_(joined({target_, ".partial"})) {
    struct stat old, left;
    const bool replaces = ::stat(path_.c_str(), &old) == 0;
    if (replaces && !S_ISREG(old.st_mode)) throw Error({"cannot write '", path_, "': ", not_regular});
    if (::lstat(partial_.c_str(), &left) == 0) {  // left by a process that was killed
      if (!S_ISREG(left.st_mode)) throw Error({"cannot write '", partial_, "': ", not_regular});
      ::unlink(partial_.c_str());
    }
    file_ = open_stream(partial_, O_EXCL, replaces ? old.st_mode & 0700 : 0666);
    if (replaces) keep_owner_and_mode(::fileno(file_), old);
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  [[gnu::cold]] ~FileWriter() {
    if (!file_) return;
    std::fclose(file_);
    ::unlink(partial_.c_str());
  }

  [[gnu::cold]] void write(const void* bytes, std::size_t count) {
    if (!file_) throw Error({"cannot write '", path_, "': it has been committed"});
    if (count != 0 && std::fwrite(bytes, 1, count, file_) != count) throw_file_error("write", partial_);
  }
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

  [[gnu::cold]] void commit() {
    if (!file_) throw Error({"cannot write '", path_, "': it has been committed"});
    if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) throw_file_error("write", partial_);
    if (::rename(partial_.c_str(), target_.c_str()) != 0) throw_file_error("replace", target_);
    std::fclose(file_);
    file_ = nullptr;
    sync_folder();
  }

 private:
  /// Syncs the folder, without which a crash could lose the new name. Ignores file systems that cannot do this.
  [[gnu::cold]] void sync_folder() const {
    const std::size_t slash = target_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : target_.substr(0, slash + 1);
    const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return;
    ::fsync(file);
    ::close(file);
  }

  std::string path_;
  std::string target_;  // `path` with its links followed
  std::string partial_;
  std::FILE* file_ = nullptr;
};

/// Collects in memory what would be written to a file.
class MemoryWriter {
 public:
  [[gnu::cold]] void write(const void* bytes, std::size_t count) {
    const auto* first = static_cast<const std::byte*>(bytes);
    bytes_.insert(bytes_.end(), first, first + count);
  }
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

  [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// Replaces the file at `path` by these bytes, atomically.
[[gnu::cold]] inline void write_file(const std::string& path, std::string_view bytes) {
  FileWriter file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace tinycnn
