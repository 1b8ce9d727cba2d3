// JPEG, PNG and BMP files to pictures, by stb_image. Its code is not here: see vision/stb.hpp.
#pragma once

#include <string>
#include <string_view>

#include <tinycnn/io/file.hpp>
#include <tinycnn/vision/image.hpp>
#include <tinycnn/vision/picture_fault.hpp>

// What decoding needs of stb_image.h, so that a program that never decodes builds without it.
extern "C" {
unsigned char* stbi_load_from_memory(const unsigned char* buffer, int len, int* x, int* y, int* channels_in_file,
                                     int desired_channels);
int stbi_info_from_memory(const unsigned char* buffer, int len, int* x, int* y, int* comp);
const char* stbi_failure_reason(void);
void stbi_image_free(void* retval_from_stbi_load);
}

namespace tinycnn {

/// The picture in the bytes of a file, always RGB as Pillow's Image.open(path).convert("RGB"): grey is replicated,
/// alpha dropped, EXIF orientation ignored. Errors, which name the file: empty, damaged, truncated, too large or no
/// picture.
[[gnu::cold]] inline Picture decode_image(std::string_view bytes, const std::string& path) {
  const auto refuse = [&](std::string_view why) { throw Error({"cannot decode '", path, "': ", why}); };
  if (bytes.empty()) refuse("the file is empty");
  if (bytes.size() > 0x7fffffff) refuse("the file is larger than 2 GB");
  if (const char* fault = picture_fault(bytes)) refuse(fault);
  const unsigned char* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int length = int(bytes.size());

  Picture picture;
  int channels = 0;
  if (!stbi_info_from_memory(data, length, &picture.w, &picture.h, &channels))
    refuse("its header is damaged, or of a kind that is not read");
  const long w = picture.w, h = picture.h < 0 ? -long(picture.h) : picture.h;  // a BMP whose top row comes first
  if (w < 1 || h < 1) refuse("it has no pixels");
  if (w * h > largest_picture) refuse(joined({w, " x ", h, " pixels are more than 100 million"}));

  struct Pixels {
    unsigned char* rgb;
    ~Pixels() { stbi_image_free(rgb); }
  } pixels{stbi_load_from_memory(data, length, &picture.w, &picture.h, &channels, 3)};
  if (!pixels.rgb) refuse(joined({"it is damaged (", stbi_failure_reason(), ")"}));
  picture.rgb.assign(pixels.rgb, pixels.rgb + 3 * long(picture.w) * picture.h);
  return picture;
}

/// The picture in a file.
[[gnu::cold]] inline Picture decode_image(const std::string& path) { return decode_image(read_file(path), path); }

}  // namespace tinycnn
