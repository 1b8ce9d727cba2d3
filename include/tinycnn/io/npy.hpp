// Reads and writes NumPy's .npy files, version 1.0, for matrices of little-endian float32 in C order only.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <tinycnn/io/file.hpp>

namespace tinycnn {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "tinycnn writes its files as they lie in memory: little-endian");

struct NpyMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;  // (rows, columns)
};

/// Writes `values` (rows, columns) as a file for numpy.load, atomically: on an error an old file stays as it was.
[[gnu::cold]] inline void write_npy(const std::string& path, const float* values, std::int64_t rows,
                                    std::int64_t columns) {
  const std::string row_count = joined({rows});
  std::string header =
      joined({"{'descr': '<f4', 'fortran_order': False, 'shape': (", row_count, ", ", columns, "), }"});
  header.append(21 - row_count.size(), ' ');           // as numpy does, so that the number of rows can grow in place
  header.append(63 - (10 + header.size()) % 64, ' ');  // the data is aligned to 64 bytes
  header += '\n';
  FileWriter file(path);
  file.write(std::string_view("\x93NUMPY\x01\x00", 8));
  const unsigned char length[2] = {static_cast<unsigned char>(header.size() & 0xff),
                                   static_cast<unsigned char>(header.size() >> 8)};
  file.write(length, 2);
  file.write(header);
  file.write(values, sizeof(float) * std::size_t(rows) * std::size_t(columns));
  file.commit();
}

/// Reads a file written by `write_npy`, or by numpy.save(path, a) with a two-dimensional, C-contiguous float32 array.
/// Throws an Error if it is anything else.
[[gnu::cold]] inline NpyMatrix read_npy(const std::string& path) {
  const std::string bytes = read_file(path);
  const auto refuse = [&](const char* why) { throw Error({"cannot read '", path, "' as an .npy file: ", why}); };
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) refuse("it does not begin with NumPy's magic");
  if (bytes[6] != 1 || bytes[7] != 0) refuse("its version is not 1.0");
  const std::size_t begin =
      10 + std::size_t(static_cast<unsigned char>(bytes[8])) + 256 * std::size_t(static_cast<unsigned char>(bytes[9]));
  if (begin > bytes.size()) refuse("its header goes beyond the end of the file");
  std::string header;
  for (std::size_t i = 10; i < begin; ++i)
    if (bytes[i] != ' ' && bytes[i] != '\n') header += bytes[i];

  NpyMatrix matrix;
  int read = 0;
  if (header.size() > 120 ||
      std::sscanf(header.c_str(), "{'descr':'<f4','fortran_order':False,'shape':(%18" SCNd64 ",%18" SCNd64 ")%n",
                  &matrix.rows, &matrix.columns, &read) != 2 ||
      read == 0 || (header.substr(std::size_t(read)) != ",}" && header.substr(std::size_t(read)) != "}"))
    refuse("it is not a C-ordered matrix of float32");
  const std::size_t room = (bytes.size() - begin) / sizeof(float);
  if (matrix.rows < 0 || matrix.columns < 0 || (bytes.size() - begin) % sizeof(float) != 0 ||
      (matrix.columns != 0 && std::uint64_t(matrix.rows) > room / std::uint64_t(matrix.columns)) ||
      std::uint64_t(matrix.rows) * std::uint64_t(matrix.columns) != room)
    refuse("its shape does not agree with its length");
  matrix.values.resize(room);
  if (room != 0) std::memcpy(matrix.values.data(), bytes.data() + begin, room * sizeof(float));
  return matrix;
}

}  // namespace tinycnn
