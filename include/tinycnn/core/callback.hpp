// An owned callable without a result, since <functional> costs too much compile time.
#pragma once

#include <type_traits>
#include <utility>

namespace tinycnn {

/// Holds any callable that takes `Arguments`, for example a lambda, or none; then a call does nothing.
template <class... Arguments>
class Callback {
 public:
  Callback() = default;
  template <class Callable, class Owned = std::decay_t<Callable>>
    requires(!std::is_same_v<Owned, Callback> && std::is_invocable_v<Owned&, Arguments...>)
  [[gnu::cold]] Callback(Callable&& callable)
      : object_(new Owned(std::forward<Callable>(callable))),
        call_([](void* object, Arguments... arguments) { (*static_cast<Owned*>(object))(arguments...); }),
        destroy_([](void* object) { delete static_cast<Owned*>(object); }) {}
  Callback(Callback&& other) noexcept : object_(other.object_), call_(other.call_), destroy_(other.destroy_) {
    other.object_ = nullptr;
  }
  Callback& operator=(Callback&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(call_, other.call_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  ~Callback() {
    if (object_ != nullptr) destroy_(object_);
  }

  void operator()(Arguments... arguments) const {
    if (object_ != nullptr) call_(object_, arguments...);
  }

 private:
  void* object_ = nullptr;
  void (*call_)(void*, Arguments...) = nullptr;
  void (*destroy_)(void*) = nullptr;
};

}  // namespace tinycnn
