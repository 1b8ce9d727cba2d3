// exp, tanh, erf and log1p of a register against double: over all exponents, denormals, infinities, NaN and the ends of
// the range, for the instruction set the file is compiled for and for the narrowest.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <tinycnn/backends/cpu/simd/math.hpp>
#include <tinycnn/core/random.hpp>

namespace {

using namespace tinycnn;

/// f of every element of x, one register at a time.
template <class Isa, class F>
std::vector<float> all(const std::vector<float>& x, F f) {
  std::vector<float> padded = x, y(x.size() + Isa::width);
  padded.resize(x.size() + Isa::width);
  for (std::size_t i = 0; i < x.size(); i += Isa::width) cpu::store<Isa>(&y[i], f(cpu::load<Isa>(&padded[i])));
  y.resize(x.size());
  return y;
}

/// The distance from one float to the next at the size of a result.
double unit(double exact) {
  const double size = std::max(std::abs(exact), double(std::numeric_limits<float>::min()));
  return std::ldexp(1.0, std::ilogb(size) - 23);
}

/// Random mantissas of every exponent, both signs, and `from` to `to` evenly.
std::vector<float> arguments(double from, double to) {
  std::vector<float> x;
  for (int exponent = -149; exponent < 128; ++exponent)
    for (std::uint64_t k = 0; k < 64; ++k) {
      const double size = std::ldexp(1 + double(uniform(5, std::uint64_t(exponent + 200), k)), exponent);
      if (size > double(std::numeric_limits<float>::max())) continue;
      x.push_back(float(size)), x.push_back(float(-size));
    }
  constexpr int steps = 1 << 20;
  for (int i = 0; i <= steps; ++i) x.push_back(float(from + (to - from) * i / steps));
  return x;
}

template <class Isa, class F>
void check(const std::string& name, F f, double (*exact)(double), double from, double to) {
  CAPTURE(name);
  const std::vector<float> x = arguments(from, to), y = all<Isa>(x, f);
  double worst = 0;
  float at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = exact(double(x[i]));
    if (std::isnan(expected)) {
      CHECK(std::isnan(y[i]));
      continue;
    }
    if (std::isinf(float(expected))) {
      CHECK(y[i] == float(expected));
      continue;
    }
    const double error = std::abs(double(y[i]) - expected) / unit(expected);
    if (!(error <= worst)) worst = error, at = x[i];
  }
  CAPTURE(at);
  CHECK(worst <= 2);
}

template <class Isa, class F>
void check_ends(F f, float at_minus_infinity, float at_infinity) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> y = all<Isa>({-infinity, infinity, std::numeric_limits<float>::quiet_NaN()}, f);
  for (int i : {0, 1}) {
    const float expected = i == 0 ? at_minus_infinity : at_infinity;
    CHECK((y[std::size_t(i)] == expected || (std::isnan(expected) && std::isnan(y[std::size_t(i)]))));
  }
  CHECK(std::isnan(y[2]));
}

}  // namespace

TEST_CASE_TEMPLATE("simd exp, tanh, erf and log1p are within 2 units in the last place", Isa, cpu::Native,
                   cpu::Baseline) {
  using V = cpu::Vector<Isa>;
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const auto exp = [](V x) { return cpu::exp<Isa>(x); };
  const auto tanh = [](V x) { return cpu::tanh<Isa>(x); };
  const auto erf = [](V x) { return cpu::erf<Isa>(x); };
  const auto log1p = [](V x) { return cpu::log1p<Isa>(x); };
  check<Isa>("exp", exp, std::exp, -110, 90);
  check<Isa>("tanh", tanh, std::tanh, -12, 12);
  check<Isa>("erf", erf, std::erf, -5, 5);
  check<Isa>("log1p", log1p, std::log1p, -1, 4);
  check<Isa>("log1p of large arguments", log1p, std::log1p, 4, 3e38);
  check_ends<Isa>(exp, 0, infinity);
  check_ends<Isa>(tanh, -1, 1);
  check_ends<Isa>(erf, -1, 1);
  check_ends<Isa>(log1p, nan, infinity);
  CHECK(all<Isa>({0.0f, -0.0f}, exp) == std::vector<float>{1, 1});
  for (const auto& odd : {all<Isa>({-0.0f}, tanh), all<Isa>({-0.0f}, erf), all<Isa>({-0.0f}, log1p)}) {
    CHECK(odd[0] == 0.0f);
    CHECK(std::signbit(odd[0]));
  }
}
