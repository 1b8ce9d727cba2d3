// How many processors this process may use: those its affinity mask allows, not those the machine has.
#pragma once

#include <sched.h>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

inline int usable_processors() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  const int count = CPU_COUNT(&allowed);
  return count > 0 ? count : 1;
}

}  // namespace tinycnn
