// A file with decoded and resized pictures, so that each picture is decoded only once. The file is not trusted: a
// picture is used only if its checksum is right, which also covers the state of the file that the picture was decoded
// from.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <tinycnn/core/dims.hpp>
#include <tinycnn/data/folder.hpp>
#include <tinycnn/io/file.hpp>

namespace tinycnn {

namespace detail {

/// A 64-bit checksum. It has eight independent chains, so that the latencies of eight multiplications overlap.
class Checksum {
 public:
  explicit Checksum(std::uint64_t start) {
    for (std::uint64_t& chain : chains_) chain = start += odd;
  }
  Checksum& add(const void* bytes, std::size_t count) {
    const char* at = static_cast<const char*>(bytes);
    for (; count >= sizeof chains_; count -= sizeof chains_, at += sizeof chains_) {
      std::uint64_t words[8];
      std::memcpy(words, at, sizeof words);
      for (int k = 0; k < 8; ++k) chains_[k] = stir(chains_[k], words[k]);
    }
    std::uint64_t rest[8] = {};
    std::memcpy(rest, at, count);
    for (int k = 0; k < 8; ++k) chains_[k] = stir(chains_[k], rest[k] + count);
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t chain : chains_) sum = stir(sum, chain);
    return sum;
  }

 private:
  static constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;  // 2^64 / the golden ratio
  static std::uint64_t stir(std::uint64_t chain, std::uint64_t word) {
    chain = (chain ^ word) * odd;
    return chain << 29 | chain >> 35;  // otherwise the highest bits would not affect the others
  }
  std::uint64_t chains_[8];
};

}  // namespace detail

/// The cached pictures of one folder, all of one size. The file format is magic | (checksum | (3,H,W) bytes) per
/// picture. A record that is truncated, torn, of another data set or out of date has a wrong checksum; then the picture
/// is decoded and its record rewritten. `read` and `write` allocate no memory, and several threads and processes may
/// call them at the same time.
class PictureCache {
 public:
  /// Opens or creates the file at `path` and reserves its disk space, at most half of the free space. An empty path
  /// means no cache. Does not throw if the file cannot be used: then `read` always returns false, and `take_fault` says
  /// why.
  [[gnu::cold]] PictureCache(const ImageFolder& folder, Dims image, const std::string& path)
      : path_(path), bytes_(std::size_t(image.size())) {
    if (path.empty()) return;
    keys_.reserve(folder.paths.size());
    for (const std::string& picture : folder.paths) keys_.push_back(key_of(picture, image));
    open();
  }
  PictureCache(const PictureCache&) = delete;
  PictureCache& operator=(const PictureCache&) = delete;
  [[gnu::cold]] ~PictureCache() { close(); }

  /// Reads the picture with index `picture` in the folder as (3,H,W) bytes; returns false if it must be decoded.
  [[nodiscard]] bool read(int picture, std::uint8_t* out) const {
    if (file_ < 0) return false;
    std::uint64_t checksum = 0;
    return read_at(&checksum, sizeof checksum, offset_of(picture)) &&
           read_at(out, bytes_, offset_of(picture) + off_t(sizeof checksum)) && checksum == checksum_of(picture, out);
  }

  /// Stores a decoded picture (3,H,W) for `read`.
  [[gnu::cold]] void write(int picture, const std::uint8_t* pixels) {
    if (file_ < 0 || failure_ != 0) return;
    const std::uint64_t checksum = checksum_of(picture, pixels);
    if (!write_at(&checksum, sizeof checksum, offset_of(picture)) ||
        !write_at(pixels, bytes_, offset_of(picture) + off_t(sizeof checksum)))
      failure_ = errno;
  }

  /// A message for the log if the cache cannot be used or can no longer be written, else "". Returns each message once.
  [[gnu::cold]] std::string take_fault() {
    if (const int failure = failure_; failure > 0) {
      fault_ = sentence(std::strerror(failure));
      failure_ = reported;
    }
    std::string fault;
    fault.swap(fault_);
    return fault;
  }

 private:
  static constexpr char magic[] = "tinycnn pixels\n";  // 16 bytes with its 0
  static constexpr std::uint64_t version = 1;          // increment it when decoding or resizing changes
  static constexpr int reported = -1;

  /// A checksum of what a decoded picture depends on: the file's name, size, mtime and ctime, and the picture's size.
  /// The ctime differs even if a file is replaced by one with the same size and mtime.
  [[gnu::cold]] static std::uint64_t key_of(const std::string& picture, Dims image) {
    struct stat s{};
    if (::stat(picture.c_str(), &s) != 0) s = {};  // decoding it will fail, too
    const std::int64_t facts[] = {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec,
                                  image.h,   image.w};
    const std::string name = base_name(picture);
    return detail::Checksum(version).add(facts, sizeof facts).add(name.data(), name.size()).value();
  }

  [[nodiscard]] std::uint64_t checksum_of(int picture, const std::uint8_t* pixels) const {
    return detail::Checksum(keys_[std::size_t(picture)]).add(pixels, bytes_).value();
  }

  [[nodiscard]] off_t offset_of(std::int64_t picture) const {
    return off_t(sizeof magic) + off_t(picture) * off_t(sizeof(std::uint64_t) + bytes_);
  }

  /// Calls `some(done)`, which transfers a part of the remaining bytes, until all `count` bytes are transferred.
  /// Returns false at the end of the file, or with errno set on an error.
  template <class Some>
  static bool all(std::size_t count, Some some) {
    for (std::size_t done = 0; done < count;) {
      const ssize_t moved = some(done);
      if (moved < 0 && errno == EINTR) continue;
      if (moved <= 0) return false;
      done += std::size_t(moved);
    }
    return true;
  }
  bool read_at(void* out, std::size_t count, off_t from) const {
    return all(count, [&](std::size_t done) {
      return ::pread(file_, static_cast<char*>(out) + done, count - done, from + off_t(done));
    });
  }
  bool write_at(const void* bytes, std::size_t count, off_t to) const {
    return all(count, [&](std::size_t done) {
      return ::pwrite(file_, static_cast<const char*>(bytes) + done, count - done, to + off_t(done));
    });
  }

  [[gnu::cold]] void open() {
    const OpenedFile opened = try_open_file(path_, O_RDWR | O_CREAT);
    if (opened.fault != nullptr) return refuse(opened.fault);
    file_ = opened.file;
    char start[sizeof magic] = {};
    const std::size_t known = opened.size < sizeof magic ? opened.size : sizeof magic;
    if (!read_at(start, known, 0) || std::memcmp(start, magic, known) != 0)
      return refuse("it is something else, which is left alone");

    const off_t size = offset_of(std::int64_t(keys_.size())), old_size = off_t(opened.size);
    struct statvfs disk;
    const bool roomy = size <= old_size || ::fstatvfs(file_, &disk) != 0 ||
                       double(size - old_size) * 2 < double(disk.f_bavail) * double(disk.f_frsize);
    int failure = roomy ? 0 : ENOSPC;
    if (failure == 0 && (!write_at(magic, sizeof magic, 0) || ::ftruncate(file_, size) != 0)) failure = errno;
    if (failure == 0) failure = ::posix_fallocate(file_, 0, size);
    if (failure == 0) return;
    ::unlink(follow_links(path_).c_str());  // a partly reserved file is useless
    refuse(std::strerror(failure));
  }

  [[gnu::cold]] void refuse(const char* why) {
    fault_ = sentence(why);
    close();
  }
  [[gnu::cold]] std::string sentence(const char* why) const {
    return joined({"pictures are decoded anew each epoch, as their cache '", path_, "' cannot be written: ", why});
  }

  [[gnu::cold]] void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

  const std::string path_;
  const std::size_t bytes_;          // per picture
  std::vector<std::uint64_t> keys_;  // key_of each picture
  int file_ = -1;
  std::string fault_;
  std::atomic<int> failure_ = 0;  // errno of the first failed write; `reported` after take_fault
};

}  // namespace tinycnn
