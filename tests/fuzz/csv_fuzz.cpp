// Resumes a CSV file of an interrupted run. The first byte of an input is the number of rows to keep, as a digit; the
// other bytes are the file.
// libFuzzer: -max_len=512
#include "fuzz.hpp"
#include "tinycnn/io/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tinycnn;
  if (size == 0) return -1;
  const std::string path = fuzz::scratch("a.csv"), before(fuzz::view(data + 1, size - 1));
  const long rows = long(data[0]) - '0';
  put_file(path, before);
  const bool resumed = fuzz::accepts(path, [&] { CsvWriter::resume(path, "step,loss", rows).line(7, 0.5f); });
  std::string after = read_file(path);
  if (!resumed) {
    fuzz::demand(after == before, "a refused file stays as it was");
    return 0;
  }
  const std::string added = "7,0.5\n";
  fuzz::demand(after.ends_with(added), "a row is added");
  after.resize(after.size() - added.size());
  fuzz::demand(before.starts_with(after) && after.ends_with('\n'), "complete rows are kept as they were");
  long lines = 1, quotes = 0;
  for (const char c : after.substr(after.find('\n') + 1)) {
    quotes += c == '"';
    lines += c == '\n' && quotes % 2 == 0;
  }
  fuzz::demand(lines == 1 + (rows > 0 ? rows : 0), "the header and as many rows as were asked for are kept");
  return 0;
}
