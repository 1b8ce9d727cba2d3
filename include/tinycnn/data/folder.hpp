// A folder of pictures with labels in their file names, `<label>_<id>.jpg`, as in the homework's food-11 data set.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <strings.h>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

enum class Split { train, valid, test };

/// A list of pictures and their labels, in the order of Python's sorted() of the paths unless `reorder` made it.
struct ImageFolder {
  std::vector<std::string> paths;
  std::vector<int> labels;  // -1 if the name has none
  [[nodiscard]] std::int64_t size() const { return std::int64_t(paths.size()); }
};

/// The integer before the first '_' of a file name, -1 if there is none: 3 for "3_17.jpg", -1 for "0003.jpg".
[[gnu::cold]] inline int label_of(std::string_view file_name) {
  const std::size_t end = file_name.find('_');
  if (end == std::string_view::npos || end == 0) return -1;
  std::int64_t label = 0;
  for (const char c : file_name.substr(0, end)) {
    if (c < '0' || c > '9') return -1;
    label = label * 10 + (c - '0');
    if (label > 0x7fffffff) return 0x7fffffff;  // check_labels rejects it
  }
  return int(label);
}

namespace detail {

[[gnu::cold]] inline bool has_image_extension(const char* name) {
  const char* dot = std::strrchr(name, '.');
  if (!dot || dot == name) return false;
  for (const char* known : {".jpg", ".jpeg", ".png", ".bmp"})
    if (::strcasecmp(dot, known) == 0) return true;
  return false;
}

}  // namespace detail

/// The regular files in `folder` with the extension of a picture; hidden files are skipped. Throws an Error if the
/// folder cannot be read or holds no such file.
[[gnu::cold]] inline ImageFolder list_folder(const std::string& folder) {
  dirent** found = nullptr;
  const int count = ::scandir(
      folder.c_str(), &found,
      [](const dirent* file) { return int(file->d_name[0] != '.' && detail::has_image_extension(file->d_name)); },
      [](const dirent** a, const dirent** b) { return std::strcmp((*a)->d_name, (*b)->d_name); });
  if (count < 0) throw_file_error("read the folder", folder);
  struct Found {
    dirent** files;
    int count;
    ~Found() {
      for (int i = 0; i < count; ++i) std::free(files[i]);
      std::free(files);
    }
  } owner{found, count};

  ImageFolder images;
  for (int i = 0; i < count; ++i) {
    std::string path = joined({folder, "/", found[i]->d_name});
    struct stat status;
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    images.paths.push_back(std::move(path));
    images.labels.push_back(label_of(found[i]->d_name));
  }
  if (images.paths.empty()) throw Error({"the folder '", folder, "' holds no .jpg, .jpeg, .png or .bmp file"});
  return images;
}

/// The pictures in `root`/train, valid or test, or under the course's names, training, validation or evaluation. Throws
/// an Error if there is no such folder.
[[gnu::cold]] inline ImageFolder list_split(const std::string& root, Split split) {
  const char* name = split == Split::train ? "train" : split == Split::valid ? "valid" : "test";
  const char* course = split == Split::train ? "training" : split == Split::valid ? "validation" : "evaluation";
  for (const char* each : {name, course})
    if (const std::string folder = joined({root, "/", each}); is_directory(folder)) return list_folder(folder);
  if (!is_directory(root)) throw Error({"there is no folder '", root, "'"});
  throw Error({"'", root, "' has neither a folder '", name, "' nor '", course, "'"});
}

/// Throws an Error that names the first picture whose label is not in {0 … classes - 1}, if there is one.
[[gnu::cold]] inline void check_labels(const ImageFolder& folder, int classes) {
  for (std::size_t i = 0; i < folder.paths.size(); ++i) {
    const int label = folder.labels[i];
    if (label >= 0 && label < classes) continue;
    throw Error({"'", folder.paths[i], "' has ", label < 0 ? "no label" : joined({"the label ", label}),
                 "; a name must begin with 0_ to ", classes - 1, "_"});
  }
}

/// The pictures that a text file lists, in the order of the file: one name or path per line; empty lines are skipped,
/// and pictures that are not listed are left out. Throws an Error with the line number if the folder lacks a name or if
/// a name occurs twice.
[[gnu::cold]] inline ImageFolder reorder(const ImageFolder& folder, const std::string& order_file) {
  if (folder.paths.empty()) throw Error({"there are no pictures to put into the order of '", order_file, "'"});
  struct Known {
    std::string name;
    std::size_t index;
    int line;
  };
  std::vector<Known> known(folder.paths.size());
  std::vector<Known*> sorted(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) {
    known[i] = {base_name(folder.paths[i]), i, 0};
    sorted[i] = &known[i];
  }
  std::qsort(sorted.data(), sorted.size(), sizeof(Known*), [](const void* a, const void* b) {
    return (*static_cast<Known* const*>(a))->name.compare((*static_cast<Known* const*>(b))->name);
  });

  ImageFolder ordered;
  const std::string text = read_file(order_file);
  int line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin) < text.size() ? text.find('\n', begin) : text.size();
    std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    if (!name.empty() && name.back() == '\r') name.pop_back();
    if (name.empty()) continue;
    name = base_name(name);
    const void* found =
        std::bsearch(&name, sorted.data(), sorted.size(), sizeof(Known*), [](const void* a, const void* b) {
          return static_cast<const std::string*>(a)->compare((*static_cast<Known* const*>(b))->name);
        });
    const std::string where = joined({"'", order_file, "', line ", line, ": "});
    if (!found) throw Error({where, "the folder has no picture '", name, "'"});
    Known& picture = **static_cast<Known* const*>(found);
    if (picture.line != 0) throw Error({where, "'", name, "' stands in line ", picture.line, " already"});
    picture.line = line;
    ordered.paths.push_back(folder.paths[picture.index]);
    ordered.labels.push_back(folder.labels[picture.index]);
  }
  if (ordered.paths.empty()) throw Error({"'", order_file, "' names no picture"});
  return ordered;
}

}  // namespace tinycnn
