// Decodes BMP files. The library does so itself, because stb_image 2.27 reads missing palette entries from
// uninitialised memory, loses four colours of files with a 12-byte header, and refuses colour masks and optional
// palettes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tinycnn/vision/image.hpp>
#include <tinycnn/vision/picture_fault.hpp>

namespace tinycnn {

namespace detail {

/// The bits of a pixel that hold one channel, and the level (0 to 255) for each of their values, rounded down as in
/// Pillow. Of more than 8 bits only the highest 8 are used.
struct BmpChannel {
  std::size_t mask = 0;  // one run of at least one bit
  int shift = 0;
  std::uint8_t levels[256] = {};

  [[gnu::cold]] explicit BmpChannel(std::size_t bits) : mask(bits) {
    while ((mask >> shift & 1) == 0 || mask >> shift > 255) ++shift;
    const std::size_t largest = mask >> shift;
    for (std::size_t value = 0; value <= largest; ++value) levels[value] = std::uint8_t(value * 255 / largest);
  }
  [[nodiscard]] std::uint8_t operator()(std::size_t pixel) const { return levels[(pixel & mask) >> shift]; }
};

/// Whether each of three masks is one run of bits, within the `bits` of a pixel, and no two overlap.
[[gnu::cold]] inline bool are_bmp_masks(const std::size_t (&masks)[3], std::size_t bits) {
  std::size_t used = 0;
  for (const std::size_t mask : masks) {
    const std::size_t lowest = mask & (0 - mask), above = mask + lowest;  // a run plus its lowest bit is a power of two
    if (mask == 0 || mask >> bits != 0 || (above & mask) != 0 || (used & mask) != 0) return false;
    used |= mask;
  }
  return true;
}

}  // namespace detail

/// Decodes the bytes of a BMP with 1, 4 or 8 bits per pixel and a palette, or 16, 24 or 32 bits with or without colour
/// masks, and a header of 12 bytes (OS/2's BITMAPCOREHEADER) or 40, 52, 56, 64, 108 or 124 bytes (Windows'
/// BITMAPINFOHEADER to BITMAPV5HEADER). Alpha is dropped. A colour missing from the palette is black, as in Pillow.
[[gnu::cold]] inline Picture decode_bmp(std::string_view bytes, const std::string& path) {
  const auto refuse = [&](std::string_view why) { refuse_picture(path, why); };
  const auto number = [&](std::size_t from, std::size_t count) { return detail::little_endian(bytes, from, count); };
  const std::size_t header = number(14, 4);
  if (bytes.size() < 18 || (header <= 124 && bytes.size() < 14 + header)) refuse("the file is truncated");
  const bool core = header == 12;  // width and height of 16 bits, palette entries of 3 bytes
  if (!core && header != 40 && header != 52 && header != 56 && header != 64 && header != 108 && header != 124)
    refuse(joined({"a BMP with a header of ", header, " bytes is not supported"}));
  const std::size_t bits = core ? number(24, 2) : number(28, 2), compression = core ? 0 : number(30, 4);
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
    refuse(joined({"a BMP of ", bits, " bits per pixel is not supported"}));
  const bool masked = compression == 3 && bits >= 16 && header != 64;
  if (compression == 1 || compression == 2) refuse("a run-length encoded BMP is not supported");
  if (compression != 0 && !masked) refuse(joined({"a BMP of compression ", compression, " is not supported"}));

  const std::size_t w = core ? number(18, 2) : number(18, 4);
  std::size_t h = core ? number(20, 2) : number(22, 4);
  const bool top_first = !core && h >> 31 != 0;  // a negative height
  if (top_first) h = std::size_t((std::uint64_t(1) << 32) - h);
  check_extents(w, h, path);
  const std::size_t begin = number(10, 4);  // offset of the pixels
  const std::size_t end_of_header = 14 + header + (masked && header == 40 ? 12 : 0);
  if (begin < end_of_header) refuse("it is damaged (its pixels begin within its header)");
  const std::size_t last_row = (w * bits + 7) / 8, row_bytes = (last_row + 3) / 4 * 4;
  if (begin + row_bytes * (h - 1) + last_row > bytes.size()) refuse("the file is truncated");

  std::uint8_t palette[256][3] = {};
  if (bits <= 8) {
    const std::size_t entry = core ? 3 : 4, room = (begin - end_of_header) / entry;
    std::size_t colours = core ? 0 : number(46, 4);
    if (colours == 0 || colours > std::size_t(1) << bits) colours = std::size_t(1) << bits;
    if (colours > room) colours = room;
    if (colours == 0) refuse("it is damaged (it has no palette)");
    for (std::size_t i = 0; i < colours; ++i)
      for (std::size_t c = 0; c < 3; ++c) palette[i][c] = std::uint8_t(number(end_of_header + entry * i + 2 - c, 1));
  }
  std::size_t masks[3] = {0xff0000, 0xff00, 0xff};  // red, green, blue
  for (std::size_t c = 0; c < 3; ++c) {
    if (bits == 16) masks[c] = std::size_t(0x7c00) >> 5 * c;
    if (masked) masks[c] = number(54 + 4 * c, 4);
  }
  if (masked && !detail::are_bmp_masks(masks, bits)) refuse("it is damaged (its colour masks)");
  const detail::BmpChannel channels[] = {detail::BmpChannel(masks[0]), detail::BmpChannel(masks[1]),
                                         detail::BmpChannel(masks[2])};

  Picture picture{int(w), int(h), std::vector<std::uint8_t>(3 * w * h)};
  std::uint8_t* out = picture.rgb.data();
  for (std::size_t y = 0; y < h; ++y) {
    const std::size_t row = begin + row_bytes * (top_first ? y : h - 1 - y);
    for (std::size_t x = 0; x < w; ++x) {
      const std::size_t at = x * bits, pixel = number(row + at / 8, (bits + 7) / 8);
      const std::uint8_t* colour = palette[bits <= 8 ? pixel >> (8 - bits - at % 8) & ((1u << bits) - 1) : 0];
      for (std::size_t c = 0; c < 3; ++c) *out++ = bits <= 8 ? colour[c] : channels[c](pixel);
    }
  }
  return picture;
}

}  // namespace tinycnn
