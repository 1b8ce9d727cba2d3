// JPEG, PNG and BMP files to pictures, by stb_image. Its code is not here: see vision/stb.hpp.
#pragma once

#include <string>
#include <string_view>

#include <tinycnn/io/file.hpp>
#include <tinycnn/vision/image.hpp>

// What decoding needs of stb_image.h, so that a program that never decodes builds without it.
extern "C" {
unsigned char* stbi_load_from_memory(const unsigned char* buffer, int len, int* x, int* y, int* channels_in_file,
                                     int desired_channels);
int stbi_info_from_memory(const unsigned char* buffer, int len, int* x, int* y, int* comp);
const char* stbi_failure_reason(void);
void stbi_image_free(void* retval_from_stbi_load);
}

namespace tinycnn {

/// The most pixels a picture may have: a small file can claim a huge picture.
inline constexpr long largest_picture = 100'000'000;

namespace detail {

// What stb_image lets pass in a JPEG: it fills with grey what a truncated file lacks, where Pillow refuses it, and its
// version 2.27 writes beyond its table where a Huffman table claims more than 256 codes, and reads beyond it where
// there are more codes of a length than bits can tell apart. The scan walks the segments to the end-of-image marker
// (ITU-T T.81, B.1.1.2, B.2.4.2 and C.2): in entropy-coded data FF is followed by 00 or RSTn, and no code is all ones.
inline const char* jpeg_fault(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
  if (at(0) != 0xFF) return nullptr;
  if (at(1) != 0xD8) return "it is no JPEG, PNG or BMP picture";
  for (std::size_t i = 2; i + 1 < bytes.size();) {
    const unsigned marker = at(i + 1);
    if (at(i) != 0xFF || marker == 0xFF || marker == 0x00 || (marker >= 0xD0 && marker <= 0xD7)) {
      ++i;  // entropy-coded data, or a fill byte
      continue;
    }
    if (marker == 0xD9) return nullptr;
    const std::size_t end = i + 2 + at(i + 2) * 256 + at(i + 3);
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

// stb_image takes the memory for a PNG's chunk before it looks whether the file has that many bytes.
inline const char* png_fault(std::string_view bytes) {
  if (bytes.substr(0, 4) != "\x89PNG") return nullptr;
  for (std::size_t i = 8; i + 12 <= bytes.size();) {  // length | type | data | checksum
    std::size_t length = 0;
    for (std::size_t k = i; k < i + 4; ++k) length = length << 8 | static_cast<unsigned char>(bytes[k]);
    if (bytes.substr(i + 4, 4) == "IEND") return nullptr;
    i += 12 + length;
  }
  return "the file is truncated";
}

}  // namespace detail

/// The picture in the bytes of a file, always RGB as Pillow's Image.open(path).convert("RGB"): grey is replicated,
/// alpha dropped, EXIF orientation ignored. Errors, which name the file: empty, damaged, truncated, too large or no
/// picture.
[[gnu::cold]] inline Picture decode_image(std::string_view bytes, const std::string& path) {
  const auto refuse = [&](const std::string& why) { throw Error("cannot decode '" + path + "': " + why); };
  if (bytes.empty()) refuse("the file is empty");
  if (bytes.size() > 0x7fffffff) refuse("the file is larger than 2 GB");
  for (const char* fault : {detail::jpeg_fault(bytes), detail::png_fault(bytes)})
    if (fault) refuse(fault);
  const unsigned char* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int length = int(bytes.size());

  Picture picture;
  int channels = 0;
  if (!stbi_info_from_memory(data, length, &picture.w, &picture.h, &channels))
    refuse("it is no JPEG, PNG or BMP picture");
  if (picture.w < 1 || picture.h < 1) refuse("it has no pixels");
  if (long(picture.w) * picture.h > largest_picture)
    refuse(std::to_string(picture.w) + " x " + std::to_string(picture.h) + " pixels are more than 100 million");

  struct Pixels {
    unsigned char* rgb;
    ~Pixels() { stbi_image_free(rgb); }
  } pixels{stbi_load_from_memory(data, length, &picture.w, &picture.h, &channels, 3)};
  if (!pixels.rgb) refuse(std::string("it is damaged (") + stbi_failure_reason() + ")");
  picture.rgb.assign(pixels.rgb, pixels.rgb + 3 * long(picture.w) * picture.h);
  return picture;
}

/// The picture in a file.
[[gnu::cold]] inline Picture decode_image(const std::string& path) { return decode_image(read_file(path), path); }

}  // namespace tinycnn
