// Reads a safetensors file tensor by tensor, and into a small network.
// libFuzzer: -max_len=4096
#include <cmath>
#include <vector>

#include "fuzz.hpp"
#include "small_net.hpp"

namespace {

using namespace tinycnn;

/// Checks what the reader guarantees for every file that it accepts.
void read_all(const SafetensorsFile& file, std::size_t size) {
  const std::vector<TensorEntry>& entries = file.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TensorEntry& entry = entries[i];
    fuzz::demand(i == 0 || entries[i - 1].name < entry.name, "names are unique and sorted");
    fuzz::demand(file.find(entry.name) == &entry, "a tensor is found by its name");
    fuzz::demand(entry.bytes == std::size_t(entry.elements()) * dtype_bytes(entry.dtype), "a shape has its bytes");
    fuzz::demand(entry.begin <= size && entry.bytes <= size - entry.begin, "a tensor lies in the file");
    std::vector<char> bytes(entry.bytes);
    file.read_part(entry, 0, entry.bytes, bytes.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = fuzz::scratch("a.safetensors");
  put_file(path, fuzz::view(data, size));
  const bool sound = fuzz::accepts(path, [&] { read_all(SafetensorsFile(path), size); });

  const small_net::StateMemory start(1), got(1);
  const bool fits = fuzz::accepts(path, [&] { load_state(path, got.state()); });
  fuzz::demand(sound || !fits, "what is loaded is a sound file");
  if (!fits) {
    fuzz::demand(got == start, "a refused file changes nothing");
    return 0;
  }
  for (long i = 0; i < small_net::graph.trained_storage; ++i)
    fuzz::demand(std::isfinite(got.parameters[i]), "loaded elements are finite");
  save_state(path, got.state());
  load_state(path, start.state());
  fuzz::demand(got == start, "what is loaded is saved, and loaded again");
  return 0;
}
