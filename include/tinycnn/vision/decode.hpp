// JPEG, PNG and BMP files to pictures; JPEG and PNG by stb_image, whose code is not here: see vision/stb.hpp.
#pragma once

#include <cerrno>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include <tinycnn/io/file.hpp>
#include <tinycnn/vision/decode_bmp.hpp>
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

namespace detail {

/// Decodes a JPEG or PNG in which `picture_fault` found nothing.
[[gnu::cold]] inline Picture decode_by_stb(std::string_view bytes, const std::string& path) {
  if (bytes.size() > 0x7fffffff) refuse_picture(path, "the file is larger than 2 GB");
  const unsigned char* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int length = int(bytes.size());
  Picture picture;
  int channels = 0;
  errno = 0;
  if (!stbi_info_from_memory(data, length, &picture.w, &picture.h, &channels)) {
    if (errno == ENOMEM) throw std::bad_alloc();
    refuse_picture(path, "its header is damaged, or of a kind that is not read");
  }
  check_extents(std::size_t(picture.w), std::size_t(picture.h), path);

  struct Pixels {
    unsigned char* rgb;
    ~Pixels() { stbi_image_free(rgb); }
  } pixels{stbi_load_from_memory(data, length, &picture.w, &picture.h, &channels, 3)};
  if (!pixels.rgb) {
    std::string_view reason = stbi_failure_reason();
    if (reason == "outofmem") {  // or beyond the limit of vision/stb.hpp, which does not set errno
      if (errno == ENOMEM) throw std::bad_alloc();
      reason = "more than 1 GB of pixels";
    }
    refuse_picture(path, joined({"it is damaged (", reason, ")"}));
  }
  picture.rgb.assign(pixels.rgb, pixels.rgb + 3 * std::int64_t(picture.w) * picture.h);
  return picture;
}

}  // namespace detail

/// The picture in the bytes of a file, always RGB as Pillow's Image.open(path).convert("RGB"): grey is replicated,
/// alpha dropped, EXIF orientation ignored. Of 16-bit samples the high byte is taken, also of grey ones, where Pillow
/// clips at 255. Errors, which name the file: empty, damaged, truncated, too large, not supported or no picture. Throws
/// std::bad_alloc where memory runs out, which says nothing about the file.
[[gnu::cold]] inline Picture decode_image(std::string_view bytes, const std::string& path) {
  if (bytes.empty()) refuse_picture(path, "the file is empty");
  if (bytes.starts_with("BM")) return decode_bmp(bytes, path);
  if (const char* fault = picture_fault(bytes)) refuse_picture(path, fault);
  if (bytes.starts_with("\x89PNG")) return detail::decode_by_stb(detail::with_full_palette(bytes), path);
  return detail::decode_by_stb(bytes, path);
}

/// The picture in a file.
[[gnu::cold]] inline Picture decode_image(const std::string& path) { return decode_image(read_file(path), path); }

}  // namespace tinycnn
