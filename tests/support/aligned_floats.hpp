// Memory for tests of single kernels: 64-byte aligned, surrounded by NaN that kernels must neither read nor overwrite.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

struct AlignedFloats {
  explicit AlignedFloats(long count)
      : size(count), data(static_cast<float*>(::operator new(bytes(), std::align_val_t{64}))) {
    for (long i = 0; i < size; ++i) data[i] = std::numeric_limits<float>::quiet_NaN();
  }
  AlignedFloats(const AlignedFloats&) = delete;
  AlignedFloats& operator=(const AlignedFloats&) = delete;
  ~AlignedFloats() { ::operator delete(data, std::align_val_t{64}); }
  [[nodiscard]] std::size_t bytes() const { return sizeof(float) * static_cast<std::size_t>(size + 16); }

  /// Random values in [-1, 1), determined by the seed.
  void fill(std::uint32_t seed) {
    for (long i = 0; i < size; ++i) {
      seed = seed * 1664525u + 1013904223u;
      data[i] = static_cast<float>(seed >> 8) * (2.0f / 16777216.0f) - 1.0f;
    }
  }

  long size;
  float* data;
};

/// Checks that the rms of the error is at most `bound` times the rms of the expected values, and the largest error at
/// most 3 times that.
inline void check_close(const float* got, const std::vector<double>& expected, double bound) {
  double error = 0, worst = 0, power = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = std::abs(double(got[i]) - expected[i]);
    error += e * e;
    power += expected[i] * expected[i];
    if (!(e <= worst)) worst = e;
  }
  const double rms = std::sqrt(power / double(expected.size()));
  CHECK(std::sqrt(error / double(expected.size())) <= bound * rms);
  CHECK(worst <= 3 * bound * rms);
}

inline void check_close(const AlignedFloats& got, const std::vector<double>& expected, double bound) {
  check_close(got.data, expected, bound);
}
