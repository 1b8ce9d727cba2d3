// Decoding and resizing: the same bytes as Pillow where this is promised; an error that names the file if it is not a
// picture.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "../support/damaged_pictures.hpp"
#include "../support/picture_bytes.hpp"
#include "../support/scratch_folder.hpp"
#include "tinycnn/io/safetensors_file.hpp"
#include "tinycnn/vision/decode.hpp"
#include "tinycnn/vision/encode.hpp"
#include "tinycnn/vision/resize.hpp"

using namespace tinycnn;

TEST_SUITE("vision") {
  // Expected values: Pillow 13, golden/make_resize.py.
  TEST_CASE("resizing gives Pillow's bytes") {
    const SafetensorsFile golden(TINYCNN_GOLDEN_DIR "/resize.safetensors");
    int cases = 0;
    for (; golden.find(std::to_string(cases) + ".x"); ++cases) {
      const TensorEntry& x = *golden.find(std::to_string(cases) + ".x");  // (H,W,3)
      const TensorEntry& y = *golden.find(std::to_string(cases) + ".y");
      Picture picture{int(x.shape[1]), int(x.shape[0]), std::vector<std::uint8_t>(x.bytes)};
      std::vector<std::uint8_t> expected(y.bytes);
      golden.read(x.name, x.shape, picture.rgb.data());
      golden.read(y.name, y.shape, expected.data());
      const Picture resized = resize_bilinear(picture, int(y.shape[1]), int(y.shape[0]));
      CAPTURE(shape_text(x.shape) + " to " + shape_text(y.shape));
      CHECK(resized.rgb == expected);
    }
    CHECK(cases == 18);
  }

  TEST_CASE("resizing keeps a flat picture flat, at any size") {
    const Picture flat{13, 9, std::vector<std::uint8_t>(13 * 9 * 3, 200)};
    for (const auto& [w, h] : {std::pair{1, 1}, {128, 128}, {5, 200}, {13, 4}})
      CHECK(resize_bilinear(flat, w, h).rgb == std::vector<std::uint8_t>(std::size_t(w * h * 3), 200));
    CHECK_THROWS_AS(resize_bilinear(flat, 0, 3), Error);
    CHECK_THROWS_AS(resize_bilinear(Picture{}, 3, 3), Error);
  }

  Picture gradient(int w, int h) {
    Picture picture{w, h, {}};
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x)
        for (const int level : {40 + 150 * x / w, 60 + 120 * y / h, 128}) picture.rgb.push_back(std::uint8_t(level));
    return picture;
  }

  TEST_CASE("a JPEG decodes to nearly what was encoded") {
    const ScratchFolder folder;
    const Picture picture = gradient(61, 34);
    put_file(folder / "a.jpg", encode_jpeg(picture, 95));
    const Picture decoded = decode_image(folder / "a.jpg");
    REQUIRE(decoded.w == 61);
    REQUIRE(decoded.h == 34);
    int largest = 0;
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
      const int difference = std::abs(int(picture.rgb[i]) - decoded.rgb[i]);
      largest = difference > largest ? difference : largest;
    }
    CHECK(largest <= 8);
  }

  // Expected values: Pillow 13, golden/make_bmp.py.
  TEST_CASE("BMPs of every kind are decoded to Pillow's pixels") {
    const SafetensorsFile golden(TINYCNN_GOLDEN_DIR "/bmp.safetensors");
    int cases = 0;
    for (const TensorEntry& file : golden.entries()) {
      if (!file.name.ends_with(".file")) continue;
      const TensorEntry& rgb = *golden.find(file.name.substr(0, file.name.size() - 5) + ".rgb");  // (H,W,3)
      std::string bytes(file.bytes, '\0');
      std::vector<std::uint8_t> expected(rgb.bytes);
      golden.read(file.name, file.shape, reinterpret_cast<std::uint8_t*>(bytes.data()));
      golden.read(rgb.name, rgb.shape, expected.data());
      CAPTURE(file.name);
      Picture picture;
      CHECK(error_of([&] { picture = decode_image(bytes, file.name); }) == "");
      CHECK(picture.h == rgb.shape[0]);
      CHECK(picture.rgb == expected);
      ++cases;
    }
    CHECK(cases == 77);
  }

  /// Fills the part of the stack with `byte` that the functions called next use.
  [[gnu::noinline]] void fill_stack(unsigned char byte) {
    volatile unsigned char variables[60'000];
    for (volatile unsigned char& each : variables) each = byte;
  }

  std::string outcome_of(const std::string& bytes) {
    std::string outcome;
    const std::string error = error_of([&] {
      const Picture picture = decode_image(bytes, "a picture");
      outcome = std::to_string(picture.w) + ' ' + std::string(picture.rgb.begin(), picture.rgb.end());
    });
    return outcome + error;
  }

  TEST_CASE("damaged pictures are decoded to the same pixels whatever the stack held before") {
    std::vector<std::string> files = damaged_bmps(200);
    for (const std::string& file : damaged_pngs_and_jpegs(200)) files.push_back(file);
    int decoded = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
      CAPTURE(i);
      fill_stack(0x11);
      const std::string first = outcome_of(files[i]);
      fill_stack(0xee);
      CHECK(outcome_of(files[i]) == first);
      decoded += first.find("cannot decode") == std::string::npos;
    }
    CHECK(decoded >= 150);
  }

  TEST_CASE("a colour missing from a palette is black, as in Pillow") {
    using namespace picture_bytes;
    for (const std::string& bytes : {bytes_of(Bmp{.w = 1, .bits = 8, .colours = 16, .stated = 16}),
                                     bytes_of(Bmp{.w = 1, .bits = 8, .header = 12, .colours = 16}),
                                     bytes_of(Png{.colour = Colour::palette, .colours = 16})}) {
      const Picture picture = decode_image(bytes, "a picture");  // its smallest index is 40
      CHECK(picture.rgb == std::vector<std::uint8_t>(picture.rgb.size(), 0));
    }
  }

  TEST_CASE("a PNG with many palettes is decoded quickly") {
    std::string png =
        picture_bytes::bytes_of(picture_bytes::Png{.colour = picture_bytes::Colour::palette, .colours = 16});
    const std::size_t header = 33;
    std::string palettes;
    for (int i = 0; i < 100'000; ++i) palettes += picture_bytes::png_chunk("PLTE", "abc");
    CHECK(decode_image(png.insert(header, palettes), "a.png").w == 5);
  }

  TEST_CASE("a JPEG without a scan is refused") {
    std::string jpeg = picture_bytes::bytes_of(picture_bytes::Jpeg{});
    jpeg.erase(jpeg.find("\xff\xda"), jpeg.size() - 2 - jpeg.find("\xff\xda"));
    CHECK(error_of([&] { decode_image(jpeg, "a.jpg"); }) ==
          "cannot decode 'a.jpg': it is damaged (it has no scan, so no pixels)");
  }

  // For 16-bit grey PNGs, Pillow 13's Image.open(path).convert("RGB") clips levels at 255 instead.
  TEST_CASE("16-bit samples are reduced to their high byte") {
    using namespace picture_bytes;
    const Picture picture = decode_image(bytes_of(Png{.colour = Colour::grey, .depth = 16}), "a.png");
    for (int x = 0; x < 5; ++x) CHECK(picture.rgb[std::size_t(3 * x)] == drawn(x, 0, 0));
  }

  // The smallest BMP: 2 x 1 pixels of 24 bits, bottom row first, blue green red, rows padded to 4 bytes.
  TEST_CASE("a BMP decodes exactly, and the extension does not matter") {
    const ScratchFolder folder;
    const unsigned char bmp[] = {'B', 'M', 62, 0, 0, 0, 0, 0,  0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0,
                                 0,   1,   0,  0, 0, 1, 0, 24, 0, 0, 0,  0, 0, 8, 0,  0, 0, 0, 0, 0, 0,
                                 0,   0,   0,  0, 0, 0, 0, 0,  0, 0, 0,  0, 3, 2, 1,  6, 5, 4, 0, 0};
    put_file(folder / "a.jpg", {reinterpret_cast<const char*>(bmp), sizeof bmp});
    const Picture picture = decode_image(folder / "a.jpg");
    CHECK(picture.w == 2);
    CHECK(picture.h == 1);
    CHECK(picture.rgb == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  }

  TEST_CASE("a BMP whose top row comes first has the pixels of one whose bottom row does") {
    const Picture up = decode_image(picture_bytes::bytes_of(picture_bytes::Bmp{.h = 4}), "a.bmp");
    const Picture down = decode_image(picture_bytes::bytes_of(picture_bytes::Bmp{.h = -4}), "b.bmp");
    REQUIRE(up.h == 4);
    REQUIRE(down.h == 4);
    for (int y = 0; y < 4; ++y)
      for (int i = 0; i < 3 * 5; ++i) CHECK(up.rgb[std::size_t(15 * y + i)] == down.rgb[std::size_t(15 * (3 - y) + i)]);
    CHECK(down.rgb[15] == picture_bytes::drawn(0, 1, 0));
  }

  // Made by Pillow: Image.new(mode, (1, 1), colour).save("x.png"), mode "L", colour 77 and "RGBA", (10, 20, 30, 40).
  constexpr unsigned char grey_png[] = {137, 80,  78, 71,  13, 10, 26, 10,  0,   0,  0,   13, 73,  72,  68,  82, 0,
                                        0,   0,   1,  0,   0,  0,  1,  8,   0,   0,  0,   0,  58,  126, 155, 85, 0,
                                        0,   0,   10, 73,  68, 65, 84, 120, 156, 99, 240, 5,  0,   0,   79,  0,  78,
                                        105, 139, 1,  108, 0,  0,  0,  0,   73,  69, 78,  68, 174, 66,  96,  130};
  constexpr unsigned char rgba_png[] = {
      137, 80, 78, 71,  13, 10,  26,  10,  0,   0,  0, 13, 73, 72, 68, 82, 0,  0,   0,   1,  0,   0,  0,   1,
      8,   6,  0,  0,   0,  31,  21,  196, 137, 0,  0, 0,  13, 73, 68, 65, 84, 120, 156, 99, 224, 18, 145, 211,
      0,   0,  0,  205, 0,  101, 106, 153, 132, 66, 0, 0,  0,  0,  73, 69, 78, 68,  174, 66, 96,  130};

  TEST_CASE("grey is replicated and alpha dropped") {
    const ScratchFolder folder;
    put_file(folder / "grey.png", {reinterpret_cast<const char*>(grey_png), sizeof grey_png});
    put_file(folder / "rgba.png", {reinterpret_cast<const char*>(rgba_png), sizeof rgba_png});
    CHECK(decode_image(folder / "grey.png").rgb == std::vector<std::uint8_t>{77, 77, 77});
    CHECK(decode_image(folder / "rgba.png").rgb == std::vector<std::uint8_t>{10, 20, 30});
  }

  TEST_CASE("a file that is not a picture gives an error that names it") {
    const ScratchFolder folder;
    const std::string jpeg = encode_jpeg(gradient(80, 60), 90);
    const auto error = [&](const std::string& bytes) {
      put_file(folder / "bad.jpg", bytes);
      const std::string sentence = error_of([&] { decode_image(folder / "bad.jpg"); });
      CHECK(contains(sentence, std::string("cannot decode '") + (folder / "bad.jpg") + "': "));
      return sentence.substr(sentence.find("': ") + 3);
    };
    CHECK(error("") == "the file is empty");
    CHECK(error("0_1.jpg is not a picture") == "it is no JPEG, PNG or BMP picture");
    CHECK(error("\xff\xd8\xff\xd9") == "it is damaged (it has no scan, so no pixels)");
    for (const std::size_t left :
         {std::size_t(2), jpeg.size() / 2, jpeg.size() - 100, jpeg.size() - 2, jpeg.size() - 1})
      CHECK(error(jpeg.substr(0, left)) == "the file is truncated");
    CHECK(contains(error_of([&] { decode_image(folder / "none.jpg"); }),
                   std::string("cannot open '") + (folder / "none.jpg")));
  }

  // ITU-T T.81 allows 256 codes in a table; stb_image 2.27 writes beyond its table for more.
  TEST_CASE("a Huffman table of too many codes is refused") {
    std::string jpeg = encode_jpeg(gradient(8, 8), 90);
    jpeg[jpeg.find("\xff\xc4") + 20] = '\xff';  // the codes of 16 bits
    jpeg[jpeg.find("\xff\xc4") + 19] = '\xff';
    CHECK(error_of([&] { decode_image(jpeg, "a.jpg"); }) ==
          "cannot decode 'a.jpg': it is damaged (a Huffman table of too many codes)");
  }

  TEST_CASE("a Huffman table whose codes use up every string of bits is refused") {  // T.81, C.2
    std::string jpeg = picture_bytes::bytes_of(picture_bytes::Jpeg{});
    CHECK(decode_image(jpeg, "a.jpg").w == 16);
    jpeg[jpeg.find("\xff\xc4") + 8] = 16;  // codes of 4 bits
    CHECK(contains(error_of([&] { decode_image(jpeg, "a.jpg"); }), "a Huffman table of too many codes"));
  }

  TEST_CASE("a small file that claims a huge picture is refused before memory is allocated") {
    const ScratchFolder folder;
    std::string png(reinterpret_cast<const char*>(grey_png), sizeof grey_png);
    png[18] = png[22] = 0x27;  // 10001 x 10001 pixels
    png[19] = png[23] = 0x11;
    put_file(folder / "bomb.png", png);
    CHECK(contains(error_of([&] { decode_image(folder / "bomb.png"); }), "it claims more than 100 million pixels"));
  }

  TEST_CASE("bytes after the end of a JPEG are ignored, as in Pillow") {
    const ScratchFolder folder;
    put_file(folder / "a.jpg", encode_jpeg(gradient(20, 20), 90) + "trailing");
    CHECK(decode_image(folder / "a.jpg").w == 20);
  }

  TEST_CASE("a JPEG changed anywhere is decoded or refused, without a crash") {
    const ScratchFolder folder;
    const std::string good = encode_jpeg(gradient(24, 16), 50);
    for (std::size_t i = 2; i < good.size(); i += 2) {
      std::string bytes = good;
      bytes[i] = char(bytes[i] ^ (i % 4 ? 0xff : 0x11));
      put_file(folder / "bad.jpg", bytes);
      try {
        const Picture picture = decode_image(folder / "bad.jpg");
        CHECK(long(picture.rgb.size()) == 3L * picture.w * picture.h);
      } catch (const Error& error) {
        CHECK(contains(error.what(), folder / "bad.jpg"));
      }
    }
  }
}
