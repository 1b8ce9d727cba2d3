// Bad pictures and folders of pictures for the page docs/bad_data.md.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include "../support/not_root.hpp"
#include "../support/picture_bytes.hpp"
#include "bad_data.hpp"
#include "tinycnn/data/loader.hpp"
#include "tinycnn/data/shuffle.hpp"

namespace bad_pictures {

using namespace tinycnn;

/// The bytes with those from offset `from` on replaced by `others`.
inline std::string with(std::string bytes, std::size_t from, const std::string& others) {
  return bytes.replace(from, others.size(), others);
}

inline std::string read_as_rgb(const Picture& picture) {
  return "read as RGB, " + std::to_string(picture.w) + " x " + std::to_string(picture.h);
}

inline void pictures(BadData& data) {
  using namespace picture_bytes;
  const auto row = [&](const std::string& input, const std::string& name, const std::string& bytes) {
    put_file(data.folder / name, bytes);
    data.row(input, [&] { return read_as_rgb(decode_image(data.folder / name)); });
  };
  const std::string jpeg = bytes_of(Jpeg{}), png = bytes_of(Png{}), bmp = bytes_of(Bmp{});

  data.section(
      "Files of one picture",
      "`Loader::find_damaged` lists the damaged ones before an epoch, as hw3 does; in an epoch each is an error "
      "when its minibatch is due. If memory runs out, `find_damaged` throws an error, too, since that is not the "
      "file's fault. The extension does not matter.");
  row("an empty file", "a.jpg", "");
  row("text, renamed", "a.jpg", "this is not a picture\n");
  row("a PDF, renamed", "a.jpg", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
  row("a GIF, renamed", "a.jpg", "GIF89a\1\0\1\0\0\0\0;");
  row("a PNG, renamed", "a.jpg", png);
  row("a JPEG", "a.jpg", jpeg);
  row("a JPEG of 1 x 1", "a.jpg", bytes_of(Jpeg{.w = 1, .h = 1}));
  row("a grey JPEG", "a.jpg", bytes_of(Jpeg{.components = 1}));
  row("a CMYK JPEG", "a.jpg", bytes_of(Jpeg{.components = 4}));
  row("a progressive JPEG", "a.jpg", bytes_of(Jpeg{.progressive = true}));
  row("bytes after the end of a JPEG", "a.jpg", jpeg + "and more");
  row("the first half of a JPEG", "a.jpg", jpeg.substr(0, jpeg.size() / 2));
  row("a JPEG without its last byte", "a.jpg", jpeg.substr(0, jpeg.size() - 1));
  const std::size_t frame = jpeg.find("\xff\xc0"), table = jpeg.find("\xff\xc4"), scan = jpeg.find("\xff\xda");
  row("a JPEG that claims 65535 x 65535 pixels", "a.jpg", with(jpeg, frame + 5, "\xff\xff\xff\xff"));
  row("a JPEG without a scan", "a.jpg", jpeg.substr(0, scan) + "\xff\xd9");
  row("a JPEG of no height", "a.jpg", with(jpeg, frame + 5, std::string(2, '\0')));
  row("a JPEG of 12 bits", "a.jpg", with(jpeg, frame + 4, "\x0c"));
  row("a JPEG whose Huffman table claims 16 codes of 4 bits", "a.jpg", with(jpeg, table + 8, "\x10"));
  row("a JPEG with codes that its Huffman table lacks", "a.jpg", with(jpeg, scan + 14, "\xf0\xf0\xf0"));
  row("a PNG", "a.png", png);
  row("a PNG of 1 x 1", "a.png", bytes_of(Png{.w = 1, .h = 1}));
  row("a grey PNG", "a.png", bytes_of(Png{.colour = Colour::grey}));
  row("a grey PNG with alpha", "a.png", bytes_of(Png{.colour = Colour::grey_alpha}));
  row("a PNG with alpha", "a.png", bytes_of(Png{.colour = Colour::rgba}));
  row("a PNG with a palette of 4 colours", "a.png", bytes_of(Png{.colour = Colour::palette, .depth = 2}));
  row("a PNG with a palette that lacks colours, which are black", "a.png",
      bytes_of(Png{.colour = Colour::palette, .colours = 16}));
  row("a PNG of 16 bits, of which the high byte is taken", "a.png", bytes_of(Png{.depth = 16}));
  row("a grey PNG of 16 bits, of which the high byte is taken (Pillow clips at 255)", "a.png",
      bytes_of(Png{.colour = Colour::grey, .depth = 16}));
  row("an interlaced PNG", "a.png", bytes_of(Png{.interlaced = true}));
  row("a PNG with a wrong checksum", "a.png", with(png, 29, "CRC!"));
  row("a truncated PNG", "a.png", png.substr(0, png.size() - 20));
  row("a PNG whose chunk claims 1 GB", "a.png", with(png, png.find("IDAT") - 4, big_endian(1 << 30, 4)));
  row("a PNG that claims 65535 x 65535 pixels", "a.png", bytes_of(Png{.w = 65535, .h = 65535}, "x"));
  row("a PNG that claims 4294967295 x 4294967295 pixels", "a.png", with(png, 16, std::string(8, '\xff')));
  row("a PNG of no width", "a.png", with(png, 16, std::string(4, '\0')));
  row("a PNG without pixels", "a.png", bytes_of(Png{}, zlib_stored("")));
  row("a PNG whose pixels are not compressed as they must be", "a.png", bytes_of(Png{}, "not zlib's"));
  row("a BMP", "a.bmp", bmp);
  row("a BMP with alpha", "a.bmp", bytes_of(Bmp{.bits = 32}));
  row("a BMP with a palette, the top row first", "a.bmp", bytes_of(Bmp{.h = -4, .bits = 4}));
  row("a BMP with a palette that lacks colours, which are black", "a.bmp", bytes_of(Bmp{.bits = 8, .colours = 16}));
  row("a BMP with a header of 12 bytes", "a.bmp", bytes_of(Bmp{.bits = 8, .header = 12}));
  row("a BMP with colour masks", "a.bmp", bytes_of(Bmp{.bits = 16, .compression = 3, .masks = {0xf800, 0x7e0, 0x1f}}));
  row("a BMP with colour masks that overlap", "a.bmp",
      bytes_of(Bmp{.bits = 16, .compression = 3, .masks = {0xf800, 0xfe0, 0x1f}}));
  row("a true-colour BMP with a palette", "a.bmp", bytes_of(Bmp{.colours = 7, .stated = 7}));
  row("a BMP that lacks its palette", "a.bmp", bytes_of(Bmp{.bits = 8, .colours = 0}));
  row("a BMP whose pixels begin within its header", "a.bmp", with(bmp, 10, std::string("\x20\0\0\0", 4)));
  row("a BMP of 2 bits per pixel", "a.bmp", bytes_of(Bmp{.bits = 2}));
  row("a BMP with a header of 20 bytes", "a.bmp", with(bmp, 14, "\x14"));
  row("a BMP that holds a JPEG", "a.bmp", bytes_of(Bmp{.compression = 4}));
  row("a BMP of no width", "a.bmp", with(bmp, 18, std::string(4, '\0')));
  row("a BMP that claims 65535 x 65535 pixels", "a.bmp", with(bmp, 18, std::string("\xff\xff\0\0\xff\xff\0\0", 8)));
  row("a BMP that ends in its header", "a.bmp", bmp.substr(0, 30));
  row("a run-length encoded BMP", "a.bmp", bytes_of(Bmp{.bits = 8, .compression = 1}));
  row("a BMP without its last row", "a.bmp", bmp.substr(0, bmp.size() - 16));

  data.row("no file", [&] { return read_as_rgb(decode_image(data.folder / "none.jpg")); });
  make_directories(data.folder / "folder.jpg");
  data.row("a folder", [&] { return read_as_rgb(decode_image(data.folder / "folder.jpg")); });
  REQUIRE(::symlink("gone", (data.folder / "link.jpg").c_str()) == 0);
  data.row("a link to nowhere", [&] { return read_as_rgb(decode_image(data.folder / "link.jpg")); });
  put_file(data.folder / "locked.jpg", jpeg);
  REQUIRE(::chmod((data.folder / "locked.jpg").c_str(), 0) == 0);
  data.row("a file without the right to read it", [&] {
    const NotRoot user;
    return read_as_rgb(decode_image(data.folder / "locked.jpg"));
  });
}

inline void folders(BadData& data) {
  const auto row = [&](const std::string& input, const std::string& root) {
    data.row(input, [&] { return std::to_string(list_split(data.folder / root, Split::train).size()) + " listed"; });
  };
  data.section("Folders of pictures",
               "Listed when a program starts. Hidden files, other extensions, folders and links "
               "to nowhere are left out.");
  row("no folder", "none");
  put_file(data.folder / "file", "x");
  row("a file in place of the folder", "file");
  make_directories(data.folder / "other/valid");
  row("no folder for a split", "other");
  make_directories(data.folder / "empty/train");
  row("an empty split", "empty");
  make_directories(data.folder / "hidden/train");
  put_file(data.folder / "hidden/train/.0_1.jpg", "x");
  row("nothing but hidden files", "hidden");
  make_directories(data.folder / "mixed/train/0_2.jpg");
  put_file(data.folder / "mixed/train/0_1.jpg", "x");
  put_file(data.folder / "mixed/train/notes.txt", "x");
  REQUIRE(::symlink("gone", (data.folder / "mixed/train/0_3.jpg").c_str()) == 0);
  row("a picture beside a folder, a text and a link to nowhere", "mixed");
  make_directories(data.folder / "locked");
  REQUIRE(::chmod((data.folder / "locked").c_str(), 0) == 0);
  data.row("a split without the right to read it", [&] {
    const NotRoot user;
    return std::to_string(list_folder(data.folder / "locked").size()) + " listed";
  });
  REQUIRE(::chmod((data.folder / "locked").c_str(), 0700) == 0);

  const auto labels = [&](const std::string& input, const std::string& name, int label) {
    data.row(input, [&] {
      check_labels({{name}, {label}}, 11);
      return std::string("taken");
    });
  };
  labels("a label that is no class", "train/11_7.jpg", label_of("11_7.jpg"));
  labels("a label beyond every number", "train/99999999999_7.jpg", label_of("99999999999_7.jpg"));
  labels("no label", "train/0007.jpg", label_of("0007.jpg"));
  labels("a negative label", "train/-1_7.jpg", label_of("-1_7.jpg"));

  const std::string picture = data.folder / "mixed/train/0_1.jpg";
  data.row("a damaged picture in a minibatch", [&] {
    const ImageFolder folder{{picture}, {0}};
    Loader loader(folder, {3, 8, 8}, 1, 1);
    loader.begin_epoch(sequential(1));
    Minibatch batch;
    return std::to_string(loader.next(batch)) + " minibatch";
  });
}

inline void orders(BadData& data) {
  const ImageFolder folder{{"train/0_1.jpg", "train/1_1.jpg"}, {0, 1}};
  const auto row = [&](const std::string& input, const ImageFolder& images) {
    data.row(input, [&] { return std::to_string(reorder(images, data.folder / "order.txt").size()) + " taken"; });
  };
  data.section("Files that order a folder", "One name or path per line.");
  row("no file", folder);
  put_file(data.folder / "order.txt", "\n\r\n");
  row("no name", folder);
  put_file(data.folder / "order.txt", "1_1.jpg\n7_1.jpg\n");
  row("an unknown name", folder);
  put_file(data.folder / "order.txt", "1_1.jpg\n0_1.jpg\nelsewhere/1_1.jpg\n");
  row("a name that comes twice", folder);
  row("an order of no pictures", {});
  put_file(data.folder / "order.txt", "elsewhere/1_1.jpg\r\n\r\n");
  row("lines as Windows ends them, an empty one, one of the two pictures", folder);
}

inline void caches(BadData& data) {
  const ImageFolder folder{{data.folder / "0_0.jpg"}, {0}};
  const auto row = [&](const std::string& input, const std::string& path) {
    data.row(input, [&] {
      const std::string fault = PictureCache(folder, {3, 8, 8}, path).take_fault();
      return fault.empty() ? "used" : '`' + data.without_folder(fault) + '`';
    });
  };
  data.section("The file of decoded pictures",
               "Never an error: the log says it once, and pictures are decoded. What does not have its checksum is "
               "decoded and written again.");
  put_file(data.folder / "letter", "Dear reader");
  row("a file of another kind", data.folder / "letter");
  row("a folder that does not exist", data.folder / "none/cache");
  row("a folder in its place", data.folder / "folder.jpg");
  put_file(data.folder / "cache", "tinycnn pixels\n" + std::string(100, '\0'));
  row("a truncated one", data.folder / "cache");
}

}  // namespace bad_pictures
