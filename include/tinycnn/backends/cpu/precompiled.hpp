// Compiles every kernel of Cpu<>. Include it in exactly one .cpp of a program whose files are compiled with
// TINYCNN_PRECOMPILED and the same -march.
#pragma once

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/backends/cpu/cpu.hpp>

namespace tinycnn {

template struct PrecompiledKernels<Cpu<>>;

}  // namespace tinycnn
