// Reads an IDX file.
// libFuzzer: -max_len=256
#include "fuzz.hpp"
#include "tinycnn/data/idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tinycnn;
  const std::string path = fuzz::scratch("idx");
  put_file(path, fuzz::view(data, size));
  IdxArray array;
  if (!fuzz::accepts(path, [&] { array = read_idx(path); })) return 0;
  std::int64_t values = 1;
  for (const std::int64_t each : array.sizes) values *= each;
  fuzz::demand(values == std::int64_t(array.values.size()) && values > 0, "the sizes are those of the values");
  fuzz::demand(4 + 4 * array.sizes.size() + array.values.size() == size, "all bytes are read");
  fuzz::accepts(path, [&] { read_idx_set(path, path, 10, 2); });
  return 0;
}
