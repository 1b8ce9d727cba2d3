// What stb_image lets pass, or makes worse, of damaged JPEG, PNG and BMP files, found before it sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tinycnn {

/// The most pixels a picture may have: a small file can claim a huge picture.
inline constexpr long largest_picture = 100'000'000;

namespace detail {

/// The whole number in `count` bytes, the highest first; what lies beyond the end counts as 0.
inline std::size_t big_endian(std::string_view bytes, std::size_t from, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = from; i < from + count; ++i)
    value = value << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
  return value;
}

// stb_image fills with grey what a truncated file lacks, where Pillow refuses it. Its version 2.27 writes beyond its
// table where a Huffman table claims more than 256 codes, and reads beyond it where there are more codes of a length
// than bits can tell apart. The scan walks the segments to the end-of-image marker (ITU-T T.81, B.1.1.2, B.2.4.2 and
// C.2): in entropy-coded data FF is followed by 00 or RSTn, and no code is all ones.
inline const char* jpeg_fault(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return big_endian(bytes, i, 1); };
  for (std::size_t i = 2; i + 1 < bytes.size();) {
    const std::size_t marker = at(i + 1);
    if (at(i) != 0xFF || marker == 0xFF || marker == 0x00 || (marker >= 0xD0 && marker <= 0xD7)) {
      ++i;  // entropy-coded data, or a fill byte
      continue;
    }
    if (marker == 0xD9) return nullptr;
    const std::size_t end = i + 2 + big_endian(bytes, i + 2, 2);
    for (std::size_t table = i + 4; marker == 0xC4 && table < end;) {
      std::size_t codes = 0, taken = 0;  // of the 2^16 strings of 16 bits
      for (std::size_t length = 1; length <= 16; ++length) {
        codes += at(table + length);
        taken += at(table + length) << (16 - length);
      }
      if (codes > 256 || taken >= 1 << 16) return "it is damaged (a Huffman table of too many codes)";
      table += 17 + codes;
    }
    i = end;
  }
  return "the file is truncated";
}

// stb_image takes the memory for a PNG's chunk before it looks whether the file has that many bytes, and does not say
// that a picture is too large.
inline const char* png_fault(std::string_view bytes) {
  const std::size_t w = big_endian(bytes, 16, 4), h = big_endian(bytes, 20, 4);
  if (w != 0 && h > std::size_t(largest_picture) / w) return "it claims more than 100 million pixels";
  for (std::size_t i = 8; i + 12 <= bytes.size();) {  // length | type | data | checksum
    if (bytes.substr(i + 4, 4) == "IEND") return nullptr;
    i += 12 + big_endian(bytes, i, 4);
  }
  return "the file is truncated";
}

// stb_image takes pixels that a BMP lacks for black ones. Run-length encoded ones it refuses.
inline const char* bmp_fault(std::string_view bytes) {
  const auto number = [&](std::size_t from, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t i = from + count; i-- > from;)
      value = value << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
    return value;
  };
  const bool old = number(14, 4) == 12;  // OS/2's header, with extents of 16 bits
  if (!old && (number(30, 4) == 1 || number(30, 4) == 2)) return nullptr;
  const std::uint64_t w = old ? number(18, 2) : number(18, 4), bits = old ? number(24, 2) : number(28, 2);
  std::uint64_t h = old ? number(20, 2) : number(22, 4);
  if (!old && h >= std::uint64_t(1) << 31) h = (std::uint64_t(1) << 32) - h;  // negative: the top row comes first
  if (w == 0 || h == 0 || bits == 0) return nullptr;
  const std::uint64_t begin = number(10, 4), last_row = (w * bits + 7) / 8, row = (last_row + 3) / 4 * 4;
  const bool whole =
      begin <= bytes.size() && last_row <= bytes.size() - begin && h - 1 <= (bytes.size() - begin - last_row) / row;
  return whole ? nullptr : "the file is truncated";
}

}  // namespace detail

/// What is wrong with the bytes of a picture file; nullptr where stb_image may see them.
[[gnu::cold]] inline const char* picture_fault(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8")) return detail::jpeg_fault(bytes);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return detail::png_fault(bytes);
  if (bytes.starts_with("BM")) return detail::bmp_fault(bytes);
  return "it is no JPEG, PNG or BMP picture";
}

}  // namespace tinycnn
