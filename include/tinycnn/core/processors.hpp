// The number of processors this process may run on, according to its affinity mask.
#pragma once

#include <sched.h>

#include <tinycnn/core/compiler.hpp>

namespace tinycnn {

/// At least 1; may be fewer than the machine has.
inline int usable_processors() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  const int count = CPU_COUNT(&allowed);
  return count > 0 ? count : 1;
}

}  // namespace tinycnn
