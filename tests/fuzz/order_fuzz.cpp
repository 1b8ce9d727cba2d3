// Reads a text file with the order of a folder's pictures.
// libFuzzer: -max_len=512
#include <set>

#include "fuzz.hpp"
#include "tinycnn/data/folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tinycnn;
  const std::string path = fuzz::scratch("order.txt");
  put_file(path, fuzz::view(data, size));
  for (const ImageFolder& folder :
       {ImageFolder{{"d/0_1.jpg", "d/1_1.jpg", "d/2 a.png", "d/\xc3\xa9.jpg"}, {0, 1, 2, -1}}, ImageFolder{}}) {
    ImageFolder ordered;
    if (!fuzz::accepts(path, [&] { ordered = reorder(folder, path); })) continue;
    fuzz::demand(ordered.size() > 0 && ordered.paths.size() == ordered.labels.size(), "there are pictures with labels");
    fuzz::demand(std::set(ordered.paths.begin(), ordered.paths.end()).size() == ordered.paths.size(),
                 "no picture comes twice");
    for (std::size_t i = 0; i < ordered.paths.size(); ++i) {
      bool known = false;
      for (std::size_t k = 0; k < folder.paths.size(); ++k)
        known = known || (folder.paths[k] == ordered.paths[i] && folder.labels[k] == ordered.labels[i]);
      fuzz::demand(known, "every picture is one of the folder, with its label");
    }
  }
  return 0;
}
