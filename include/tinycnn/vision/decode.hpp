// JPEG, PNG and BMP files to pictures, by stb_image. Its code is not here: see vision/stb.hpp.
#pragma once

#include <string>

#include "tinycnn/io/file.hpp"
#include "tinycnn/vision/image.hpp"

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

// stb_image fills what a truncated JPEG lacks with grey and says nothing, where Pillow refuses the file. The scan walks
// the segments to the end-of-image marker (ITU-T T.81, B.1.1.2): in entropy-coded data FF is followed by 00 or RSTn.
inline bool is_truncated_jpeg(const std::string& bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t size = bytes.size();
  if (size < 4 || at(0) != 0xFF || at(1) != 0xD8) return false;
  for (std::size_t i = 2; i + 1 < size;) {
    if (at(i) != 0xFF || at(i + 1) == 0xFF || at(i + 1) == 0x00 || (at(i + 1) >= 0xD0 && at(i + 1) <= 0xD7)) {
      ++i;  // entropy-coded data, or a fill byte
    } else if (at(i + 1) == 0xD9) {
      return false;
    } else {
      if (i + 3 >= size) return true;
      i += 2 + std::size_t(at(i + 2)) * 256 + at(i + 3);
    }
  }
  return true;
}

}  // namespace detail

/// The picture in a file, always RGB as Pillow's Image.open(path).convert("RGB"): grey is replicated, alpha dropped,
/// EXIF orientation ignored. Errors: a file that is missing, empty, damaged, truncated, too large or no picture.
inline Picture decode_image(const std::string& path) {
  const std::string bytes = read_file(path);
  const auto refuse = [&](const std::string& why) { throw Error("cannot decode '" + path + "': " + why); };
  if (bytes.empty()) refuse("the file is empty");
  if (bytes.size() > 0x7fffffff) refuse("the file is larger than 2 GB");
  const unsigned char* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int length = int(bytes.size());

  Picture picture;
  int channels = 0;
  if (!stbi_info_from_memory(data, length, &picture.w, &picture.h, &channels))
    refuse("it is no JPEG, PNG or BMP picture");
  if (picture.w < 1 || picture.h < 1) refuse("it has no pixels");
  if (long(picture.w) * picture.h > largest_picture)
    refuse(std::to_string(picture.w) + " x " + std::to_string(picture.h) + " pixels are more than 100 million");
  if (detail::is_truncated_jpeg(bytes)) refuse("the file is truncated");

  struct Pixels {
    unsigned char* rgb;
    ~Pixels() { stbi_image_free(rgb); }
  } pixels{stbi_load_from_memory(data, length, &picture.w, &picture.h, &channels, 3)};
  if (!pixels.rgb) refuse(std::string("it is damaged (") + stbi_failure_reason() + ")");
  picture.rgb.assign(pixels.rgb, pixels.rgb + 3 * long(picture.w) * picture.h);
  return picture;
}

}  // namespace tinycnn
