// The error of computed values, and the check that it is small enough.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

/// Errors relative to the root mean square of the expected values (to 1 if all of those are zero).
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
    if (!(error <= worst)) worst = error;  // true for NaN, too
  }
  const double count = expected.empty() ? 1 : double(expected.size());
  const double scale = power > 0 ? std::sqrt(power / count) : 1;
  return {std::sqrt(squares / count) / scale, worst / scale};
}

/// Checks that the root mean square of the error is at most `bound`, and the largest error at most three times that,
/// both relative to the root mean square of the expected values.
inline void check_close(const std::string& what, const std::vector<double>& got, const std::vector<double>& expected,
                        double bound) {
  CAPTURE(what);
  REQUIRE(got.size() == expected.size());
  const Distance d = distance(got, expected);
  CHECK(d.rms <= bound);
  CHECK(d.worst <= 3 * bound);
}
