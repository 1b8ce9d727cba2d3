// Writes submission.csv in the format of the course's Kaggle page: an Id of at least 4 digits, and a Category.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// The Id of a picture: the stem of its file name if that is a number ("0007.jpg" -> "0007"), else its index.
[[gnu::cold]] inline std::string submission_id(const std::string& path, std::int64_t position) {
  const std::string name = base_name(path), stem = name.substr(0, name.rfind('.'));
  std::int64_t number = position;
  bool digits = !stem.empty() && stem.size() <= 9;
  for (const char c : stem) digits = digits && c >= '0' && c <= '9';
  if (digits) {
    number = 0;
    for (const char c : stem) number = 10 * number + (c - '0');
  }
  char text[24];
  std::snprintf(text, sizeof text, "%04" PRId64, number);
  return text;
}

/// Writes one row per picture, in the given order, atomically: on an error an old file stays as it was.
[[gnu::cold]] inline void write_submission(const std::string& path, const std::vector<std::string>& pictures,
                                           const std::vector<int>& categories) {
  std::string text = "Id,Category\n";
  for (std::size_t i = 0; i < pictures.size(); ++i)
    append(text, {submission_id(pictures[i], std::int64_t(i)), ",", categories[i], "\n"});
  write_file(path, text);
}

}  // namespace tinycnn
