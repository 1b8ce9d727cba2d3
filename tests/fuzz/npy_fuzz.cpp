// Reads a matrix from an .npy file.
// libFuzzer: -max_len=512
#include <cstring>

#include "fuzz.hpp"
#include "tinycnn/io/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tinycnn;
  const std::string path = fuzz::scratch("a.npy");
  put_file(path, fuzz::view(data, size));
  NpyMatrix matrix;
  if (!fuzz::accepts(path, [&] { matrix = read_npy(path); })) return 0;
  fuzz::demand(matrix.rows >= 0 && matrix.columns >= 0, "a matrix has rows and columns");
  fuzz::demand(matrix.columns == 0 ? matrix.values.empty()
                                   : long(matrix.values.size()) / matrix.columns == matrix.rows &&
                                         long(matrix.values.size()) % matrix.columns == 0,
               "a matrix has all of its elements");
  write_npy(path, matrix.values.data(), matrix.rows, matrix.columns);
  const NpyMatrix again = read_npy(path);
  fuzz::demand(again.rows == matrix.rows && again.columns == matrix.columns, "a shape is written and read");
  fuzz::demand(again.values.size() == matrix.values.size() &&
                   (again.values.empty() ||
                    std::memcmp(again.values.data(), matrix.values.data(), again.values.size() * sizeof(float)) == 0),
               "elements are written and read");
  return 0;
}
