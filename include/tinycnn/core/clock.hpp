// A monotonic clock for measuring durations.
#pragma once

#include <time.h>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// Seconds since an unspecified start (CLOCK_MONOTONIC).
inline double seconds_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

}  // namespace tinycnn
