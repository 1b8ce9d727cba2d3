// Writes the fuzzers' first inputs: cmake --build build/fuzz --target make_corpus && build/fuzz/make_corpus
// tests/fuzz/corpus. Files in the corpus that are not written here once made a fuzzer crash; their names say why.
#include <cstdio>
#include <limits>

#include "../support/picture_bytes.hpp"
#include "cached_pictures.hpp"
#include "fuzz.hpp"
#include "small_net.hpp"
#include "tinycnn/io/npy.hpp"
#include "tinycnn/vision/encode.hpp"

namespace {

using namespace tinycnn;

/// Writes a valid input and two similar ones: a truncated one, and one with a byte changed.
void seed(const std::string& folder, const std::string& name, const std::string& bytes, std::size_t changed) {
  make_directories(folder);
  put_file(folder + '/' + name, bytes);
  put_file(folder + '/' + name + "-cut", bytes.substr(0, bytes.size() - bytes.size() / 4));
  std::string other = bytes;
  other.at(changed) ^= 0x41;
  put_file(folder + '/' + name + "-changed", other);
}

void pictures(const std::string& folder) {
  using namespace picture_bytes;
  seed(folder, "rgb.png", bytes_of(Png{}), 30);
  seed(folder, "interlaced.png", bytes_of(Png{.colour = Colour::rgba, .interlaced = true}), 60);
  seed(folder, "palette.png", bytes_of(Png{.colour = Colour::palette, .depth = 2}), 45);
  seed(folder, "deep.png", bytes_of(Png{.colour = Colour::grey_alpha, .depth = 16}), 24);
  seed(folder, "mosaic.jpg", bytes_of(Jpeg{}), 100);
  seed(folder, "grey.jpg", bytes_of(Jpeg{.w = 9, .components = 1}), 90);
  seed(folder, "progressive.jpg", bytes_of(Jpeg{.progressive = true}), 180);
  seed(folder, "cmyk.jpg", bytes_of(Jpeg{.components = 4}), 80);
  seed(folder, "rows.bmp", bytes_of(Bmp{}), 28);
  seed(folder, "palette.bmp", bytes_of(Bmp{.h = -4, .bits = 4}), 18);
  seed(folder, "alpha.bmp", bytes_of(Bmp{.bits = 32}), 30);
  seed(folder, "core.bmp", bytes_of(Bmp{.bits = 8, .header = 12, .colours = 16}), 24);
  seed(folder, "masks.bmp", bytes_of(Bmp{.bits = 16, .compression = 3, .header = 108, .masks = {0xf800, 0x7e0, 0x1f}}),
       55);
  seed(folder, "optional_palette.bmp", bytes_of(Bmp{.bits = 32, .colours = 3, .stated = 3}), 10);
  seed(folder, "short_palette.png", bytes_of(Png{.colour = Colour::palette, .colours = 16}), 36);
  Picture stripes{24, 17, {}};  // has subsampled chroma and detail, unlike the mosaics
  for (int i = 0; i < stripes.w * stripes.h * 3; ++i)
    stripes.rgb.push_back(std::uint8_t(drawn(i / 3 % stripes.w * 4, i / 3 / stripes.w * 7, i % 3)));
  seed(folder, "stripes.jpg", encode_jpeg(stripes, 40), 220);
  // Pictures for which stb_image 2.27 would allocate 2 GB, and for which it would read beyond the end of a table.
  std::string png = bytes_of(Png{}), jpeg = bytes_of(Jpeg{});
  put_file(folder + "/huge_chunk.png", png.replace(png.find("IDAT") - 4, 4, big_endian(1 << 30, 4)));
  put_file(folder + "/full_table.jpg", jpeg.replace(jpeg.find("\xff\xc4") + 8, 1, "\x10"));
}

void weights(const std::string& folder) {
  const std::string path = fuzz::scratch("weights");
  const small_net::StateMemory network(1);
  save_state(path, network.state());
  const std::string good = read_file(path);
  seed(folder, "network", good, 20);
  network.parameters[0] = std::numeric_limits<float>::infinity();
  save_state(path, network.state());
  put_file(folder + "/infinite", read_file(path));

  const double wide[] = {1, -2, 3};
  SafetensorsWriter writer;
  writer.add("a \"name\"\n\xc3\xa9", {3, 1}, wide);
  writer.add<std::int64_t>("nothing", {0, 7}, nullptr);
  writer.note("format", "pt");
  writer.write(path);
  seed(folder, "others", read_file(path), 60);
}

void checkpoints(const std::string& folder) {
  const std::string path = fuzz::scratch("last.ckpt");
  small_net::Model model({.schedule = {1e-3}});
  const float images[] = {0, 1, 2, 3};
  const int labels[] = {0, 1, 0, 1};
  model.step(images, labels, 4);
  Notes notes;
  notes.add("epoch", 2);
  model.save_checkpoint(path, notes);
  seed(folder, "one_step", read_file(path), 40);
}

void matrices(const std::string& folder) {
  const std::string path = fuzz::scratch("matrix");
  const float values[] = {1, 2, 3, 4, 5, 6};
  write_npy(path, values, 3, 2);
  seed(folder, "matrix", read_file(path), 62);
  write_npy(path, nullptr, 0, 11);
  seed(folder, "empty", read_file(path), 22);
}

void caches(const std::string& folder) {
  const std::string path = fuzz::scratch("pixels");
  {
    PictureCache cache(cached_pictures::folder, cached_pictures::dims, path);
    for (int i = 0; i < cached_pictures::folder.size(); ++i)
      cache.write(i, reinterpret_cast<const std::uint8_t*>(cached_pictures::pixels(i).data()));
  }
  seed(folder, "whole", read_file(path), 30);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "make_corpus FOLDER\n");
    return 2;
  }
  const std::string root = arguments[1];
  pictures(root + "/picture");
  weights(root + "/safetensors");
  checkpoints(root + "/checkpoint");
  matrices(root + "/npy");
  caches(root + "/cache");
  seed(root + "/idx", "pictures", std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x01", 16) + "abcd", 7);
  seed(root + "/idx", "labels", std::string("\0\0\x08\x01\0\0\0\x03\x01\x02\x09", 11), 2);
  seed(root + "/csv", "rows", "2step,loss\n1,2.5\n2,\"1\n\"\"\"\n3,0.5", 0);
  seed(root + "/order", "names", "1_1.jpg\nd/0_1.jpg\r\n\n2 a.png\n\xc3\xa9.jpg", 2);
}
