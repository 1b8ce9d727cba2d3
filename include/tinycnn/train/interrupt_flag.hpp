// An interrupt flag: Ctrl-C only sets it, so that a training loop can complete its step, save and return.
#pragma once

#include <csignal>

#include <signal.h>

namespace tinycnn {

/// While one lives, the first SIGINT or SIGTERM only makes `requested` true; the next ends the process as ever. At most
/// one may live at a time.
class InterruptFlag {
 public:
  InterruptFlag() {
    signal_ = 0;
    struct sigaction action{};
    action.sa_handler = [](int signal) { signal_ = signal; };
    action.sa_flags = SA_RESTART | int(SA_RESETHAND);
    for (int i = 0; i < 2; ++i) ::sigaction(signals[i], &action, &before_[i]);
  }
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;
  ~InterruptFlag() {
    for (int i = 0; i < 2; ++i) ::sigaction(signals[i], &before_[i], nullptr);
  }

  [[nodiscard]] bool requested() const { return signal_ != 0; }

 private:
  static constexpr int signals[2] = {SIGINT, SIGTERM};
  static inline volatile std::sig_atomic_t signal_ = 0;
  struct sigaction before_[2];
};

}  // namespace tinycnn
