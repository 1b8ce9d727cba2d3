// Finds those faults of JPEG and PNG files that stb_image does not report or handles wrongly, before it decodes them.
// Also the checks and errors that all formats share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tinycnn/core/error.hpp>

namespace tinycnn {

/// The largest number of pixels a picture may have. Without a limit, a small file could claim a huge picture.
inline constexpr std::int64_t largest_picture = 100'000'000;

/// Throws "cannot decode '<path>': <why>".
[[gnu::cold]] [[noreturn]] inline void refuse_picture(const std::string& path, std::string_view why) {
  throw Error({"cannot decode '", path, "': ", why});
}

/// Throws an Error if a picture of w x h pixels, each below 2^32, has no pixels or more than `largest_picture`.
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

/// The integer in `count` bytes, the highest byte first.
inline std::size_t big_endian(std::string_view bytes, std::size_t from, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = from; i < from + count; ++i) value = value << 8 | byte_at(bytes, i);
  return value;
}

/// The integer in `count` bytes, the lowest byte first.
inline std::size_t little_endian(std::string_view bytes, std::size_t from, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = from + count; i-- > from;) value = value << 8 | byte_at(bytes, i);
  return value;
}

/// The fault of a JPEG, or nullptr. If a file is truncated or has no scan, stb_image fills the missing pixels with
/// grey, while Pillow refuses it. If a Huffman table claims more than 256 codes, stb_image 2.27 writes beyond its own
/// table; if there are more codes of a length than its bits can distinguish, it reads beyond it. Visits the segments up
/// to the end-of-image marker (ITU-T T.81, B.1.1.2, B.2.4.2 and C.2): in entropy-coded data, FF is followed by 00 or
/// RSTn, and no code is all ones.
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
      std::size_t codes = 0, used = 0;  // `used` of the 2^16 strings of 16 bits begin with a code
      for (std::size_t length = 1; length <= 16; ++length) {
        codes += at(table + length);
        used += at(table + length) << (16 - length);
      }
      if (codes > 256 || used >= 1 << 16) return "it is damaged (a Huffman table of too many codes)";
      table += 17 + codes;
    }
    i = end;
  }
  return "the file is truncated";
}

/// The fault of a PNG, or nullptr. stb_image allocates memory for a chunk before it checks that the file is long
/// enough, and does not report that a picture is too large.
inline const char* png_fault(std::string_view bytes) {
  const std::size_t w = big_endian(bytes, 16, 4), h = big_endian(bytes, 20, 4);
  if (w != 0 && h > std::size_t(largest_picture) / w) return "it claims more than 100 million pixels";
  for (std::size_t i = 8; i + 12 <= bytes.size();) {  // length | type | data | checksum
    if (bytes.substr(i + 4, 4) == "IEND") return nullptr;
    i += 12 + big_endian(bytes, i, 4);
  }
  return "the file is truncated";
}

/// The PNG with its palette extended to 256 colours by black, which Pillow uses for missing colours; stb_image 2.27
/// would read them from uninitialised memory. The chunk's checksum is not changed, since stb_image does not read it.
[[gnu::cold]] inline std::string with_full_palette(std::string_view bytes) {
  std::string file(bytes);
  for (std::size_t i = 8, length; i + 12 <= bytes.size(); i += 12 + length) {
    length = big_endian(bytes, i, 4);
    if (length == 0 || bytes.substr(i + 4, 4) != "PLTE") continue;
    if (length >= 768 || length % 3 != 0 || length > bytes.size() - i - 12) break;
    file.insert(i + 8 + length, 768 - length, '\0');
    file.replace(i, 4, std::string_view("\0\0\3\0", 4));
    break;  // one is enough: stb_image writes a further palette over this one
  }
  return file;
}

}  // namespace detail

/// The fault of a JPEG or PNG file, given its bytes; nullptr if stb_image may decode it.
[[gnu::cold]] inline const char* picture_fault(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8")) return detail::jpeg_fault(bytes);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return detail::png_fault(bytes);
  return "it is no JPEG, PNG or BMP picture";
}

}  // namespace tinycnn
