// What stb_image lets pass, or makes worse, of damaged JPEG and PNG files, found before it sees them; and the refusals
// that all formats share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tinycnn/core/error.hpp>

namespace tinycnn {

/// The most pixels a picture may have: a small file can claim a huge picture.
inline constexpr std::int64_t largest_picture = 100'000'000;

/// Throws "cannot decode '<path>': <why>".
[[gnu::cold]] [[noreturn]] inline void refuse_picture(const std::string& path, std::string_view why) {
  throw Error({"cannot decode '", path, "': ", why});
}

/// Throws where a picture of w x h pixels, each below 2^32, would have none or more than `largest_picture`.
[[gnu::cold]] inline void check_extents(std::size_t w, std::size_t h, const std::string& path) {
  if (w == 0 || h == 0) refuse_picture(path, "it has no pixels");
  if (h > std::size_t(largest_picture) / w)
    refuse_picture(path, joined({w, " x ", h, " pixels are more than 100 million"}));
}

namespace detail {

/// The byte at `i` of a file; 0 beyond its end.
inline std::size_t byte_at(std::string_view bytes, std::size_t i) {
  return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
}

/// The whole number in `count` bytes, the highest first.
inline std::size_t big_endian(std::string_view bytes, std::size_t from, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = from; i < from + count; ++i) value = value << 8 | byte_at(bytes, i);
  return value;
}

/// The whole number in `count` bytes, the lowest first.
inline std::size_t little_endian(std::string_view bytes, std::size_t from, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = from + count; i-- > from;) value = value << 8 | byte_at(bytes, i);
  return value;
}

// stb_image fills with grey what a truncated file or one without a scan lacks, where Pillow refuses it. Its
// version 2.27 writes beyond its table where a Huffman table claims more than 256 codes, and reads beyond it where
// there are more codes of a length than bits can tell apart. The scan walks the segments to the end-of-image marker
// (ITU-T T.81, B.1.1.2, B.2.4.2 and C.2): in entropy-coded data FF is followed by 00 or RSTn, and no code is all ones.
inline const char* jpeg_fault(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return byte_at(bytes, i); };
  bool scans = false;
  for (std::size_t i = 2; i + 1 < bytes.size();) {
    const std::size_t marker = at(i + 1);
    if (at(i) != 0xFF || marker == 0xFF || marker == 0x00 || (marker >= 0xD0 && marker <= 0xD7)) {
      ++i;  // entropy-coded data, or a fill byte
      continue;
    }
    if (marker == 0xD9) return scans ? nullptr : "it is damaged (it has no scan, so no pixels)";
    if (marker == 0xDA) scans = true;
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

/// A PNG whose palette is filled up to 256 colours by black, which Pillow takes for those that are missing: stb_image
/// 2.27 takes them from uninitialised memory. The chunk's checksum is left as it was; stb_image does not read it.
[[gnu::cold]] inline std::string with_full_palette(std::string_view bytes) {
  std::string file(bytes);
  for (std::size_t i = 8, length; i + 12 <= bytes.size(); i += 12 + length) {
    length = big_endian(bytes, i, 4);
    if (length == 0 || bytes.substr(i + 4, 4) != "PLTE") continue;
    if (length >= 768 || length % 3 != 0 || length > bytes.size() - i - 12) break;
    file.insert(i + 8 + length, 768 - length, '\0');
    file.replace(i, 4, std::string_view("\0\0\3\0", 4));
    break;  // a further palette is written over this one
  }
  return file;
}

}  // namespace detail

/// What is wrong with the bytes of a JPEG or PNG file; nullptr where stb_image may see them.
[[gnu::cold]] inline const char* picture_fault(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8")) return detail::jpeg_fault(bytes);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return detail::png_fault(bytes);
  return "it is no JPEG, PNG or BMP picture";
}

}  // namespace tinycnn
