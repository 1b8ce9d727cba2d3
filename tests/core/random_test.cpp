// Philox compared with Random123's published results, and the distributions built on it.
#include <doctest/doctest.h>

#include <array>

#include "tinycnn/core/random.hpp"
#include "tinycnn/data/shuffle.hpp"

using namespace tinycnn;

TEST_SUITE("random") {
  // Expected: Random123's tests/kat_vectors, the lines of philox4x32 with 10 rounds. Counter words c0 c1 c2 c3, key
  // words k0 k1.
  static_assert(Philox{0}(0, 0) == std::array{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
  static_assert(Philox{~0ull}(~0ull, ~0ull) == std::array{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});

  TEST_CASE("Philox4x32-10 gives Random123's result for the digits of pi") {
    const Philox philox{0x299f31d0a4093822};
    CHECK(philox(0x0370734413198a2e, 0x85a308d3243f6a88) ==
          std::array{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});
  }

  TEST_CASE("uniform numbers lie in [0, 1) and have the moments of the uniform distribution") {
    constexpr int n = 100000;
    double sum = 0, squares = 0, sum_double = 0;
    for (int i = 0; i < n; ++i) {
      const float x = uniform(7, 1, std::uint64_t(i));
      const double y = uniform_double(7, 2, std::uint64_t(i));
      REQUIRE(x >= 0);
      REQUIRE(x < 1);
      REQUIRE(y >= 0);
      REQUIRE(y < 1);
      sum += x;
      squares += double(x) * x;
      sum_double += y;
    }
    // Five standard errors of a mean of n values: 5 / sqrt(12 n) and 5 sqrt(4 / 45 / n).
    CHECK(sum / n == doctest::Approx(0.5).epsilon(0.0046 / 0.5));
    CHECK(squares / n == doctest::Approx(1.0 / 3).epsilon(0.0047 * 3));
    CHECK(sum_double / n == doctest::Approx(0.5).epsilon(0.0046 / 0.5));
  }

  TEST_CASE("the extreme words give 0 and the largest value below 1") {
    static_assert(float(0xffffffffu >> 8) * 0x1p-24f == 1 - 0x1p-24f);
    static_assert(below(1, 2, 3, 1) == 0);
  }

  TEST_CASE("below draws every value equally often") {
    int counts[11] = {};
    for (int i = 0; i < 11000; ++i) ++counts[below(6666, 3, std::uint64_t(i), 11)];
    for (const int count : counts) CHECK(count == doctest::Approx(1000).epsilon(0.16));  // 5 sqrt(1000 10 / 11) = 151
  }

  TEST_CASE("a shuffle is a permutation, the same for the same seed and epoch only") {
    const std::vector<int> order = shuffled(1000, 6666, 3);
    std::vector<int> seen(1000);
    for (const int i : order) ++seen[std::size_t(i)];
    CHECK(seen == std::vector<int>(1000, 1));
    CHECK(order == shuffled(1000, 6666, 3));
    CHECK(order != shuffled(1000, 6666, 4));
    CHECK(order != shuffled(1000, 6667, 3));
    CHECK(order != sequential(1000));
    CHECK(shuffled(0, 1, 1).empty());
    CHECK(shuffled(1, 1, 1) == sequential(1));
  }

  TEST_CASE("all orders of three are drawn equally often") {
    int counts[27] = {};
    for (std::uint64_t epoch = 0; epoch < 6000; ++epoch) {
      const std::vector<int> order = shuffled(3, 1, epoch);
      ++counts[order[0] * 9 + order[1] * 3 + order[2]];
    }
    for (const int i : {5, 7, 11, 15, 19, 21}) CHECK(counts[i] == doctest::Approx(1000).epsilon(0.15));
  }
}
