// A memory block allocated once, at construction: zeroed, page-aligned, in huge pages where the system provides them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include <tinycnn/core/error.hpp>

namespace tinycnn {

/// Owns `count` zeroed elements of T. Pages that are never touched take no physical memory. Throws an Error if the
/// system cannot provide the memory.
template <class T>
class Buffer {
 public:
  [[gnu::cold]] explicit Buffer(std::int64_t count) : count_(count) {
    if (count == 0) return;
    const std::uint64_t wanted = std::uint64_t(count) * sizeof(T);  // a 32-bit system may have no number for it
    void* p = wanted > SIZE_MAX ? MAP_FAILED
                                : mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
      throw Error({"the system refused ", wanted >> 20, " MB of memory: use a smaller Batch or fewer threads"});
    if (bytes() >= huge_page) madvise(p, bytes(), MADV_HUGEPAGE);
    data_ = static_cast<T*>(p);
  }
  ~Buffer() {
    if (data_ != nullptr) munmap(data_, bytes());
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::int64_t size() const { return count_; }
  [[nodiscard]] T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  static constexpr std::size_t huge_page = std::size_t(2) << 20;
  [[nodiscard]] std::size_t bytes() const { return std::size_t(count_) * sizeof(T); }

  T* data_ = nullptr;
  std::int64_t count_ = 0;
};

}  // namespace tinycnn
