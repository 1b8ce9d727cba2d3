// An interrupt flag, which Ctrl-C sets, so that a training loop can complete its step, save and return.
#pragma once

#include <csignal>

#include <signal.h>

namespace tinycnn {

/// During the lifetime of an InterruptFlag the first SIGINT or SIGTERM only sets `requested`; the next one ends the
/// process as usual. At most one InterruptFlag may exist at a time.
class InterruptFlag {
 public:
  [[gnu::cold]] InterruptFlag() {
    signal_ = 0;
    struct sigaction action{};
    action.sa_handler = [](int signal) { signal_ = signal; };
    action.sa_flags = SA_RESTART | int(SA_RESETHAND);
    for (int i = 0; i < 2; ++i) ::sigaction(signals[i], &action, &before_[i]);
  }
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;
  [[gnu::cold]] ~InterruptFlag() {
    for (int i = 0; i < 2; ++i) ::sigaction(signals[i], &before_[i], nullptr);
  }

  [[nodiscard]] bool requested() const { return signal_ != 0; }

 private:
  static constexpr int signals[2] = {SIGINT, SIGTERM};
  static inline volatile std::sig_atomic_t signal_ = 0;
  struct sigaction before_[2];
};

}  // namespace tinycnn
