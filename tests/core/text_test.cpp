// Text built from strings and integers.
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <tinycnn/core/error.hpp>

using namespace tinycnn;

TEST_CASE("pieces of text are concatenated") {
  const std::string word = "words";
  CHECK(joined({"", word, " ", std::string_view("and more").substr(4), std::string_view(), "."}) == "words more.");
  CHECK(joined({}) == "");
  CHECK(joined({0, " ", -1, " ", 120L, " ", std::size_t(7)}) == "0 -1 120 7");
  CHECK(joined({std::numeric_limits<long>::min()}) == "-9223372036854775808");
  CHECK(joined({std::numeric_limits<std::uint64_t>::max()}) == "18446744073709551615");
  std::string text = "at ";
  append(text, {12, " of ", 20});
  CHECK(text == "at 12 of 20");
  CHECK(std::string(Error({"layer ", 3, " is missing"}).what()) == "layer 3 is missing");
  const char* two = "words";
  CHECK(std::string(Error({"two ", two}).what()) == "two words");  // not the iterator range of two pointers
}
