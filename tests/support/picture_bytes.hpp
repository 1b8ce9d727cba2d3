// Generates PNG, BMP and JPEG files byte by byte, so that every kind of file and of damage is possible. The pixels or
// blocks have the levels of `drawn`; deflate blocks are uncompressed, and JPEG blocks have a DC coefficient only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace picture_bytes {

/// The level of channel c in the pixel or block at (x, y), 0 to 255.
inline unsigned drawn(int x, int y, int c) { return unsigned(40 + 30 * x + 20 * y + 60 * c) % 256; }

inline std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += char(number >> (8 * i));
  return text;
}
inline std::string little_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += char(number >> (8 * i));
  return text;
}

/// Collects bits, the highest of each byte first.
struct BitWriter {
  std::string bytes;
  int free = 0;  // unused bits of the last byte
  void put(unsigned value, int count) {
    for (int i = count - 1; i >= 0; --i) {
      if (free == 0) {
        bytes += '\0';
        free = 8;
      }
      bytes.back() = char(bytes.back() | ((value >> i & 1) << --free));
    }
  }
};

inline std::string png_chunk(const std::string& type, const std::string& data) {
  std::uint32_t crc = ~0u;
  for (const char c : type + data) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return big_endian(std::uint32_t(data.size()), 4) + type + data + big_endian(~crc, 4);
}

/// A zlib stream of uncompressed blocks.
inline std::string zlib_stored(const std::string& data) {
  std::uint32_t a = 1, b = 0;
  for (const char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = std::uint32_t(data.size());
  return "\x78\x01\x01" + little_endian(size, 2) + little_endian(~size, 2) + data + big_endian(b << 16 | a, 4);
}

enum class Colour { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

struct Png {
  int w = 5;
  int h = 4;
  Colour colour = Colour::rgb;
  int depth = 8;
  bool interlaced = false;
  int colours = -1;  // palette entries; -1: as many as the depth needs
};

inline std::string header_of(const Png& png) {
  return png_chunk("IHDR", big_endian(std::uint32_t(png.w), 4) + big_endian(std::uint32_t(png.h), 4) + char(png.depth) +
                               char(png.colour) + std::string(2, '\0') + char(png.interlaced));
}

/// The samples of a picture, row by row, each after a filter byte of 0; in Adam7's seven passes if interlaced.
inline std::string pixels_of(const Png& png) {
  struct Pass {
    int x, y, dx, dy;
  };
  const std::vector<Pass> adam7{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  const int channels = png.colour == Colour::rgb          ? 3
                       : png.colour == Colour::rgba       ? 4
                       : png.colour == Colour::grey_alpha ? 2
                                                          : 1;
  std::string all;
  for (const Pass& pass : png.interlaced ? adam7 : std::vector<Pass>{{0, 0, 1, 1}})
    for (int y = pass.y; y < png.h && pass.x < png.w; y += pass.dy) {
      BitWriter row;
      row.put(0, 8);
      for (int x = pass.x; x < png.w; x += pass.dx)
        for (int c = 0; c < channels; ++c)
          row.put(png.depth == 16 ? 257 * drawn(x, y, c) : drawn(x, y, c) >> (8 - png.depth), png.depth);
      all += row.bytes;
    }
  return all;
}

/// The bytes of the file; `data`, if given, replaces the compressed pixels.
inline std::string bytes_of(const Png& png, const std::string& data = {}) {
  std::string palette;
  for (int i = 0; i < 3 * (png.colours >= 0 ? png.colours : 1 << png.depth); ++i)
    palette += char(drawn(i / 3, 0, i % 3));
  return "\x89PNG\r\n\x1a\n" + header_of(png) +
         (png.colour == Colour::palette && png.depth <= 8 ? png_chunk("PLTE", palette) : "") +
         png_chunk("IDAT", data.empty() ? zlib_stored(pixels_of(png)) : data) + png_chunk("IEND", "");
}

struct Bmp {
  int w = 5;
  int h = 4;  // negative: the top row first
  int bits = 24;
  int compression = 0;          // 3: by masks
  int header = 40;              // bytes
  int colours = -1;             // palette entries in the file; -1: as many as the bits need
  int stated = 0;               // palette entries that the header states; 0: as many as the bits need
  std::uint32_t masks[4] = {};  // red, green, blue, alpha; the last in headers from 56 bytes on
};

inline std::string bytes_of(const Bmp& bmp) {
  const bool core = bmp.header == 12;
  const auto bits = std::uint32_t(bmp.bits), w = std::uint32_t(bmp.w), h = std::uint32_t(bmp.h);
  std::string head = little_endian(std::uint32_t(bmp.header), 4), palette, pixels;
  if (core) {
    head += little_endian(w, 2) + little_endian(h, 2) + little_endian(1, 2) + little_endian(bits, 2);
  } else {
    head += little_endian(w, 4) + little_endian(h, 4) + little_endian(1, 2) + little_endian(bits, 2) +
            little_endian(std::uint32_t(bmp.compression), 4) + std::string(12, '\0') +
            little_endian(std::uint32_t(bmp.stated), 4) + std::string(4, '\0');
    for (int c = 0; bmp.compression == 3 && c < (bmp.header < 56 ? 3 : 4); ++c) head += little_endian(bmp.masks[c], 4);
    if (head.size() < std::size_t(bmp.header)) head.resize(std::size_t(bmp.header));
  }
  for (int i = 0; i < (bmp.colours >= 0 ? bmp.colours : bmp.bits <= 8 ? 1 << bmp.bits : 0); ++i)
    palette += little_endian(drawn(i, 0, 2) | drawn(i, 0, 1) << 8 | drawn(i, 0, 0) << 16, core ? 3 : 4);
  for (int y = 0; y < (bmp.h < 0 ? -bmp.h : bmp.h); ++y) {
    BitWriter row;
    for (int x = 0; x < bmp.w; ++x)
      for (int c = 0; c < (bmp.bits + 7) / 8; ++c)
        row.put(bmp.bits < 8 ? drawn(x, y, 0) >> (8 - bmp.bits) : drawn(x, y, 2 - c), bmp.bits < 8 ? bmp.bits : 8);
    row.bytes.resize((row.bytes.size() + 3) / 4 * 4);
    pixels += row.bytes;
  }
  const std::size_t start = 14 + head.size() + palette.size();
  return "BM" + little_endian(start + pixels.size(), 4) + little_endian(0, 4) + little_endian(start, 4) + head +
         palette + pixels;
}

struct Jpeg {
  int w = 16;
  int h = 16;
  int components = 3;  // 1 grey, 3 YCbCr, 4 CMYK
  bool progressive = false;
};

inline std::string jpeg_segment(unsigned char marker, const std::string& data) {
  return std::string{'\xff', char(marker)} + big_endian(std::uint32_t(data.size() + 2), 2) + data;
}

/// A scan of the components [first, first + count): their DC coefficients or, if not `levels`, AC coefficients of 0.
inline std::string scan_of(const Jpeg& jpeg, int first, int count, bool levels, bool detail) {
  std::string head(1, char(count));
  for (int c = first; c < first + count; ++c) head += {char(c + 1), '\0'};
  head += {char(levels ? 0 : 1), char(detail ? 63 : 0), '\0'};
  BitWriter bits;
  std::vector<int> last(std::size_t(jpeg.components), 0);
  for (int y = 0; y < (jpeg.h + 7) / 8; ++y)
    for (int x = 0; x < (jpeg.w + 7) / 8; ++x)
      for (int c = first; c < first + count; ++c) {
        if (levels) {  // ITU-T T.81, F.1.2.1: the number of bits of the difference, then the difference
          const int level = int(drawn(x, y, c)) - 128, difference = level - last[std::size_t(c)];
          last[std::size_t(c)] = level;
          int size = 0;
          while ((difference < 0 ? -difference : difference) >> size != 0) ++size;
          bits.put(unsigned(size), 4);
          bits.put(unsigned(difference < 0 ? difference - 1 + (1 << size) : difference), size);
        }
        if (detail) bits.put(0, 1);  // the end of the block
      }
  std::string stuffed;
  bits.put(0x7f, bits.free);
  for (const char c : bits.bytes) stuffed += c == '\xff' ? std::string("\xff\0", 2) : std::string(1, c);
  return jpeg_segment(0xDA, head) + stuffed;
}

/// The bytes of the file. All coefficients are multiples of 8; DC codes have 4 bits, the end-of-block code has one bit.
inline std::string bytes_of(const Jpeg& jpeg) {
  std::string frame =
      '\x08' + big_endian(std::uint32_t(jpeg.h), 2) + big_endian(std::uint32_t(jpeg.w), 2) + char(jpeg.components);
  for (int c = 0; c < jpeg.components; ++c) frame += {char(c + 1), '\x11', '\0'};
  std::string codes(17, '\0');
  codes[4] = 12;
  for (int size = 0; size < 12; ++size) codes += char(size);
  std::string file = "\xff\xd8" + jpeg_segment(0xDB, '\0' + std::string(64, '\x08')) +
                     jpeg_segment(jpeg.progressive ? 0xC2 : 0xC0, frame) + jpeg_segment(0xC4, codes) +
                     jpeg_segment(0xC4, "\x10\x01" + std::string(16, '\0'));
  if (!jpeg.progressive) return file + scan_of(jpeg, 0, jpeg.components, true, true) + "\xff\xd9";
  file += scan_of(jpeg, 0, jpeg.components, true, false);
  for (int c = 0; c < jpeg.components; ++c) file += scan_of(jpeg, c, 1, false, true);
  return file + "\xff\xd9";
}

}  // namespace picture_bytes
