// How far computed numbers are from the expected ones, and the check that they are near enough.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

/// Errors as fractions of the expected numbers' root mean square (of 1, where those are all zero).
struct Distance {
  double rms = 0;
  double worst = 0;
};

inline Distance distance(const std::vector<double>& got, const std::vector<double>& expected) {
  double squares = 0, power = 0, worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(got[i] - expected[i]);
    squares += error * error;
    power += expected[i] * expected[i];
    if (!(error <= worst)) worst = error;  // a NaN stays
  }
  const double count = expected.empty() ? 1 : double(expected.size());
  const double scale = power > 0 ? std::sqrt(power / count) : 1;
  return {std::sqrt(squares / count) / scale, worst / scale};
}

/// The root mean square of the error is at most `bound`, the largest error three times that, both relative to the
/// expected numbers' root mean square.
inline void check_close(const std::string& what, const std::vector<double>& got, const std::vector<double>& expected,
                        double bound) {
  CAPTURE(what);
  REQUIRE(got.size() == expected.size());
  const Distance d = distance(got, expected);
  CHECK(d.rms <= bound);
  CHECK(d.worst <= 3 * bound);
}
