// Reads a checkpoint into the Trainer of a small network.
// libFuzzer: -max_len=8192
#include "fuzz.hpp"
#include "small_net.hpp"

namespace {

using namespace tinycnn;

using small_net::Model;

std::string saved(Model& model) {
  const std::string path = fuzz::scratch("saved.ckpt");
  model.save_checkpoint(path);
  return read_file(path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Model start({.schedule = {1e-3}});
  static const std::string untouched = saved(start);
  const std::string path = fuzz::scratch("last.ckpt");
  put_file(path, fuzz::view(data, size));

  Model got({.schedule = {1e-3}});
  if (!fuzz::accepts(path, [&] { got.load_checkpoint(path); })) {
    fuzz::demand(saved(got) == untouched, "a refused checkpoint changes nothing");
    return 0;
  }
  const std::string first = saved(got);
  put_file(path, first);
  got.load_checkpoint(path);
  fuzz::demand(saved(got) == first, "what is loaded is saved, and loaded again");
  return 0;
}
