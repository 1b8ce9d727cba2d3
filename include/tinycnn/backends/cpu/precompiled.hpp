// Compiles every kernel of Cpu<>: included in exactly one .cpp of a program whose other files are compiled with
// TINYCNN_PRECOMPILED and the same -march.
#pragma once

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/backends/cpu/cpu.hpp>

namespace tinycnn {

template struct PrecompiledKernels<Cpu<>>;

}  // namespace tinycnn
