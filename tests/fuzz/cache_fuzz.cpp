// Reads a cache of decoded pictures: with any bytes, each picture either is the cached one or must be decoded again.
// The checksum protects against accidents, not against a fuzzer that sees the values compared: hence no -use_cmp.
// libFuzzer: -max_len=256 -use_cmp=0
#include <cstring>

#include "cached_pictures.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tinycnn;
  const std::string path = fuzz::scratch("cache");
  put_file(path, fuzz::view(data, size));
  std::string fault;
  {
    PictureCache cache(cached_pictures::folder, cached_pictures::dims, path);
    fault = cache.take_fault();
    for (int round = 0; round < 2; ++round)
      for (int i = 0; i < cached_pictures::folder.size(); ++i) {
        std::uint8_t pixels[cached_pictures::dims.size()] = {};
        const bool known = cache.read(i, pixels);
        fuzz::demand(!known || cached_pictures::pixels(i) == fuzz::view(pixels, sizeof pixels), "pixels are right");
        fuzz::demand(known ? fault.empty() : round == 0 || !fault.empty(), "what is written is read");
        cache.write(i, reinterpret_cast<const std::uint8_t*>(cached_pictures::pixels(i).data()));
      }
  }
  if (!fault.empty()) fuzz::demand(read_file(path) == fuzz::view(data, size), "what is something else is left alone");
  return 0;
}
