// std::unique_ptr without <memory>, a header that takes a tenth of what the umbrella takes to compile.
#pragma once

#include <utility>

namespace tinycnn {

/// Owns an object on the heap. Moving an Owner leaves the object where it is.
template <class T>
class Owner {
 public:
  template <class... Argument>
  explicit Owner(std::in_place_t, Argument&&... arguments) : object_(new T(std::forward<Argument>(arguments)...)) {}
  Owner(Owner&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owner() { delete object_; }

  [[nodiscard]] T* operator->() const { return object_; }
  [[nodiscard]] T& operator*() const { return *object_; }

 private:
  T* object_;
};

}  // namespace tinycnn
