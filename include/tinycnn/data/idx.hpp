// Reads IDX files, the format of MNIST and its successors, as far as they hold bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tinycnn/data/array_set.hpp>
#include <tinycnn/io/file.hpp>

namespace tinycnn {

/// An array of bytes with its sizes, the slowest first.
struct IdxArray {
  std::vector<std::int64_t> sizes;
  std::vector<std::uint8_t> values;
};

/// Reads an IDX file of bytes with 1 to 4 sizes: 0, 0, 8, the number of sizes, each size in 4 bytes with the highest
/// first, the values. Throws an Error that says what is wrong if it is anything else, or of another length.
[[gnu::cold]] inline IdxArray read_idx(const std::string& path) {
  const FileReader file(path);
  const auto refuse = [&](const char* why) { throw Error({"cannot read '", path, "' as an IDX file: ", why}); };
  std::uint8_t head[4];
  if (file.size() < sizeof head) refuse("it is shorter than 4 bytes");
  file.read(0, sizeof head, head);
  if (head[0] == 0x1f && head[1] == 0x8b) refuse("it is compressed; unpack it with gunzip");
  if (head[0] != 0 || head[1] != 0) refuse("it does not begin with two zeros");
  if (head[2] != 8) refuse("its values are not bytes");
  const std::size_t count = head[3], begin = 4 + 4 * count;
  if (count < 1 || count > 4) refuse("it has not 1 to 4 sizes");
  if (file.size() < begin) refuse("it ends within its sizes");

  IdxArray array;
  std::uint64_t total = 1;
  const std::uint64_t room = file.size() - begin;
  bool fits = true;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t size[4];
    file.read(4 + 4 * i, sizeof size, size);
    const std::uint64_t value = std::uint64_t(size[0]) << 24 | size[1] << 16 | size[2] << 8 | size[3];
    array.sizes.push_back(std::int64_t(value));
    fits = fits && value != 0 && total <= room / value;
    total *= fits ? value : 1;
  }
  if (!fits || total != room) refuse("its sizes do not agree with its length");
  array.values.resize(room);
  file.read(begin, room, array.values.data());
  return array;
}

/// The pictures of one IDX file (N,H,W) with the labels of another (N), as the data of a run. Throws an Error if the
/// numbers disagree or a label is not in {0 … classes - 1}.
[[gnu::cold]] inline ArraySet<std::uint8_t> read_idx_set(const std::string& images, const std::string& labels,
                                                         int classes, int batch) {
  IdxArray pictures = read_idx(images);
  const IdxArray answers = read_idx(labels);
  if (pictures.sizes.size() != 3)
    throw Error({"'", images, "' does not hold pictures: it has ", pictures.sizes.size(), " sizes, not 3"});
  if (answers.sizes.size() != 1)
    throw Error({"'", labels, "' does not hold labels: it has ", answers.sizes.size(), " sizes, not 1"});
  if (pictures.sizes[0] != answers.sizes[0])
    throw Error(
        {"'", images, "' has ", pictures.sizes[0], " pictures, but '", labels, "' ", answers.sizes[0], " labels"});
  if (pictures.sizes[0] > 0x7fffffff || pictures.sizes[1] > 0xffff || pictures.sizes[2] > 0xffff)
    throw Error({"'", images, "' has more pictures or larger ones than this program can use"});
  for (std::size_t i = 0; i < answers.values.size(); ++i)
    if (answers.values[i] >= classes)
      throw Error({"'", labels, "' has the label ", int(answers.values[i]), " at index ", i, "; labels are 0 to ",
                   classes - 1});
  return {std::move(pictures.values),
          {answers.values.begin(), answers.values.end()},
          Dims{1, int(pictures.sizes[1]), int(pictures.sizes[2])},
          batch};
}

}  // namespace tinycnn
