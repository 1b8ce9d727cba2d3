// Generates a data set of synthetic photographs with the folders and file names that list_split reads.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/data/shuffle.hpp>
#include <tinycnn/data/synthetic_picture.hpp>
#include <tinycnn/io/file.hpp>
#include <tinycnn/report/predictions_csv.hpp>
#include <tinycnn/vision/encode.hpp>

namespace tinycnn {

/// A synthetic data set: its number of classes and of pictures per class in each split.
struct Synthetic {
  int classes = synthetic_textures;  // or fewer
  int train = 128;
  int valid = 30;
  int test = 20;
  std::uint64_t seed = 6666;
  PredictionsFormat answers{.id_width = 4};  // the columns of test.csv; ids are those of the file names
};

namespace detail {

// Does not sync the file to disk.
inline void write_picture(const std::string& path, const Picture& picture) {
  const std::string bytes = encode_jpeg(picture, 88);
  std::FILE* file = open_stream(path, O_TRUNC);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (std::fclose(file) != 0 || !written) throw_file_error("write", path);
}

}  // namespace detail

/// Creates `folder` with train/ and valid/ (`<label>_<id>.jpg`), test/ (`0000.jpg` …, classes shuffled) and test.csv,
/// the true classes of the test pictures. It is written as `<folder>.partial` and renamed at the end, so that `folder`
/// is always complete. If `folder` exists, does nothing and returns false. Throws an Error if a file cannot be written,
/// or there are not 1 to `synthetic_textures` classes.
inline bool make_synthetic(const std::string& folder, const Synthetic& set = {}) {
  if (set.classes < 1 || set.classes > synthetic_textures)
    throw Error({"a synthetic data set has 1 to ", synthetic_textures, " classes, not ", set.classes});
  if (path_exists(folder)) return false;
  const std::string target = follow_links(folder), partial = joined({target, ".partial"});
  remove_folder(partial);
  std::uint64_t id = 0;  // unique in the whole set, across splits
  for (const auto& [split, count] : {std::pair{"/train/", set.train}, std::pair{"/valid/", set.valid}}) {
    make_directories(partial + split);
    for (int label = 0; label < set.classes; ++label)
      for (int i = 0; i < count; ++i)
        detail::write_picture(partial + split + std::to_string(label) + '_' + std::to_string(i) + ".jpg",
                              synthetic_picture(label, set.seed, id++));
  }
  make_directories(partial + "/test/");
  std::vector<std::int64_t> ids;
  std::vector<int> answers;
  for (const int i : shuffled(set.test * set.classes, set.seed, 0)) {
    const int label = i % set.classes;
    const std::string name = padded(std::int64_t(ids.size()), 4);
    detail::write_picture(partial + "/test/" + name + ".jpg", synthetic_picture(label, set.seed, id++));
    ids.push_back(std::int64_t(ids.size()));
    answers.push_back(label);
  }
  write_predictions(partial + "/test.csv", ids, answers, set.answers);
  if (std::rename(partial.c_str(), target.c_str()) != 0) throw_file_error("create", target);
  return true;
}

}  // namespace tinycnn
