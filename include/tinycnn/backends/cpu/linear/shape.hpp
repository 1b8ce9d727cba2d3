// The shape of a Linear layer on the CPU, and how its passes are tiled.
#pragma once

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/core/integer_math.hpp>

#include <initializer_list>

namespace tinycnn::cpu {

/// y (N,Out) = x (N,In) W (In,Out) for up to `capacity` samples.
struct LinearShape {
  int in = 1;
  int out = 1;
  int capacity = 1;
};

namespace linear_tiling {
inline constexpr int samples = 128;  // of a forward task
inline constexpr int depth = 256;    // of W's rows packed at a time, forward
inline constexpr int panels = 4;     // of a forward task, at most
inline constexpr int inputs = 64;    // W rows of a backward task
inline constexpr int reach = 1024;   // of a W row at a time, input gradient
inline constexpr int pad = 16;       // floats that keep rows out of one cache set
}  // namespace linear_tiling

/// Per worker, for all three passes; no less for a larger capacity.
template <class Isa>
constexpr long linear_scratch_floats(const LinearShape& s) {
  namespace tiling = linear_tiling;
  const int samples = smaller(s.capacity, tiling::samples);
  const long forward = tiling::panels * NR<Isa> * long(tiling::depth + round_up(samples, MR<Isa>)) +
                       long(samples) * (tiling::depth + tiling::pad);
  const long input_gradient = long(MR<Isa>) * (smaller(s.out, tiling::reach) + tiling::pad) +
                              long(round_up(s.capacity, NR<Isa>)) * round_up(tiling::inputs, MR<Isa>);
  const long weight_gradient = long(s.capacity) * (tiling::inputs + tiling::pad);
  long most = forward;
  for (const long other : {input_gradient, weight_gradient}) most = most > other ? most : other;
  return (most + 15) / 16 * 16;
}

/// Shared by all workers, for either gradient.
template <class Isa>
constexpr long linear_shared_floats(const LinearShape& s) {
  return long(round_up(s.capacity, NR<Isa>)) * round_up(s.out, NR<Isa>);
}

}  // namespace tinycnn::cpu
