// The shape of a Linear layer, the tiling of its passes and the memory they need.
#pragma once

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/core/integer_math.hpp>

#include <cstdint>
#include <initializer_list>

namespace tinycnn::cpu {

/// y (N,Out) = x (N,In) W (In,Out) for up to `capacity` samples.
struct LinearShape {
  int in = 1;
  int out = 1;
  int capacity = 1;
};

namespace linear_tiling {
inline constexpr int samples = 128;          // forward: per task
inline constexpr int panels = 4;             // forward: per task, at most
inline constexpr int depth = 256;            // forward: inputs (rows of W) per chunk of the depth
inline constexpr int inputs = 64;            // gradients: inputs (rows of W) per task
inline constexpr int gradient_depth = 1024;  // input gradient: outputs per chunk of the depth
inline constexpr int pad = 16;               // floats between rows, so that they map to different cache sets
}  // namespace linear_tiling

/// Scratch floats per worker, enough for each of the three passes; non-decreasing in the capacity.
template <class Isa>
constexpr std::int64_t linear_scratch_floats(const LinearShape& s) {
  namespace tiling = linear_tiling;
  const int samples = smaller(s.capacity, tiling::samples);
  const std::int64_t forward = tiling::panels * NR<Isa> * std::int64_t(tiling::depth + round_up(samples, MR<Isa>)) +
                               std::int64_t(samples) * (tiling::depth + tiling::pad);
  const std::int64_t input_gradient = std::int64_t(MR<Isa>) * (smaller(s.out, tiling::gradient_depth) + tiling::pad) +
                                      std::int64_t(round_up(s.capacity, NR<Isa>)) * round_up(tiling::inputs, MR<Isa>);
  const std::int64_t weight_gradient = std::int64_t(s.capacity) * (tiling::inputs + tiling::pad);
  std::int64_t most = forward;
  for (const std::int64_t other : {input_gradient, weight_gradient}) most = most > other ? most : other;
  return (most + 15) / 16 * 16;
}

/// Workspace floats, for either gradient.
template <class Isa>
constexpr std::int64_t linear_workspace_floats(const LinearShape& s) {
  return std::int64_t(round_up(s.capacity, NR<Isa>)) * round_up(s.out, NR<Isa>);
}

}  // namespace tinycnn::cpu
