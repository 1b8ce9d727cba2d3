// Decodes the given files and damaged pictures and reads every byte of the results, so that valgrind reports
// uninitialised ones; see uninitialised.py.
#include <cstdio>

#include "../support/damaged_pictures.hpp"
#include "tinycnn/vision/decode.hpp"
#include "tinycnn/vision/stb.hpp"

int main(int count, char** arguments) {
  std::vector<std::string> pictures = damaged_bmps(200);
  for (const std::string& picture : damaged_pngs_and_jpegs(200)) pictures.push_back(picture);
  for (int i = 1; i < count; ++i) pictures.push_back(tinycnn::read_file(arguments[i]));
  int decoded = 0;
  volatile int bright = 0;  // volatile, so that counting it is a branch, at which memcheck reports
  for (const std::string& bytes : pictures) {
    try {
      for (const std::uint8_t level : tinycnn::decode_image(bytes, "a picture").rgb)
        if (level > 127) bright = bright + 1;
      ++decoded;
    } catch (const tinycnn::Error&) {
    }
  }
  std::printf("%zu pictures, %d of them decoded, %d bright levels\n", pictures.size(), decoded, int(bright));
}
