// Writes predicted classes as a CSV file: one row per sample, with an id and the class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tinycnn/io/csv.hpp>
#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// The columns of a file of predictions. A Kaggle page usually prescribes them.
struct PredictionsFormat {
  const char* id = "id";           ///< the header of the first column
  const char* category = "class";  ///< the header of the second column
  int id_width = 0;                ///< ids that are numbers are padded to this many digits with zeros
};

/// `number` with at least `width` digits.
[[gnu::cold]] inline std::string padded(std::int64_t number, int width) {
  std::string digits = shortest(number);
  if (digits.size() < std::size_t(width)) digits.insert(0, std::size_t(width) - digits.size(), '0');
  return digits;
}

/// The id of a picture: the stem of its file name if that is a number of at most 9 digits ("0007.jpg" -> 7), else its
/// index.
[[gnu::cold]] inline std::int64_t id_of(const std::string& path, std::int64_t index) {
  const std::string name = base_name(path), stem = name.substr(0, name.rfind('.'));
  if (stem.empty() || stem.size() > 9) return index;
  std::int64_t number = 0;
  for (const char c : stem) {
    if (c < '0' || c > '9') return index;
    number = 10 * number + (c - '0');
  }
  return number;
}

/// Writes one row per sample, in the given order, atomically: on an error an old file stays as it was. Throws an Error
/// unless there are as many ids as classes.
[[gnu::cold]] inline void write_predictions(const std::string& path, const std::vector<std::int64_t>& ids,
                                            const std::vector<int>& categories, const PredictionsFormat& format = {}) {
  if (ids.size() != categories.size())
    throw Error({"cannot write '", path, "': ", categories.size(), " predictions have ", ids.size(), " ids"});
  std::string text = joined({format.id, ",", format.category, "\n"});
  for (std::size_t i = 0; i < ids.size(); ++i)
    append(text, {padded(ids[i], format.id_width), ",", categories[i], "\n"});
  write_file(path, text);
}

/// The same with the samples' indices as ids.
[[gnu::cold]] inline void write_predictions(const std::string& path, const std::vector<int>& categories,
                                            const PredictionsFormat& format = {}) {
  std::vector<std::int64_t> ids(categories.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = std::int64_t(i);
  write_predictions(path, ids, categories, format);
}

/// The same for pictures, whose ids are the numbers in their file names.
[[gnu::cold]] inline void write_predictions(const std::string& path, const std::vector<std::string>& pictures,
                                            const std::vector<int>& categories, const PredictionsFormat& format = {}) {
  std::vector<std::int64_t> ids;
  for (const std::string& picture : pictures) ids.push_back(id_of(picture, std::int64_t(ids.size())));
  write_predictions(path, ids, categories, format);
}

}  // namespace tinycnn
