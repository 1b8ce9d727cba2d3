// Decodes JPEG, PNG and BMP files; JPEG and PNG with stb_image, whose code is in vision/stb.hpp.
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

// The functions of stb_image.h used here, declared so that a program that decodes nothing builds without stb.
extern "C" {
unsigned char* stbi_load_from_memory(const unsigned char* buffer, int len, int* x, int* y, int* channels_in_file,
                                     int desired_channels);
int stbi_info_from_memory(const unsigned char* buffer, int len, int* x, int* y, int* comp);
const char* stbi_failure_reason(void);
void stbi_image_free(void* retval_from_stbi_load);
}

namespace tinycnn {

namespace detail {

/// Decodes a JPEG or PNG in which `picture_fault` has found no fault.
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
    if (reason == "outofmem") {  // or the limit in vision/stb.hpp was exceeded, which does not set errno
      if (errno == ENOMEM) throw std::bad_alloc();
      reason = "more than 1 GB of pixels";
    }
    refuse_picture(path, joined({"it is damaged (", reason, ")"}));
  }
  picture.rgb.assign(pixels.rgb, pixels.rgb + 3 * std::int64_t(picture.w) * picture.h);
  return picture;
}

}  // namespace detail

/// Decodes the bytes of a picture file to RGB, like Pillow's Image.open(path).convert("RGB"): grey is replicated, alpha
/// is dropped, EXIF orientation is ignored. 16-bit samples are reduced to their high byte, also for grey, which Pillow
/// clips at 255 instead. Throws an Error that names the file if it is empty, damaged, truncated, too large, not
/// supported or not a picture, and std::bad_alloc if memory runs out, since that is not the file's fault.
[[gnu::cold]] inline Picture decode_image(std::string_view bytes, const std::string& path) {
  if (bytes.empty()) refuse_picture(path, "the file is empty");
  if (bytes.starts_with("BM")) return decode_bmp(bytes, path);
  if (const char* fault = picture_fault(bytes)) refuse_picture(path, fault);
  if (bytes.starts_with("\x89PNG")) return detail::decode_by_stb(detail::with_full_palette(bytes), path);
  return detail::decode_by_stb(bytes, path);
}

/// Decodes a picture file.
[[gnu::cold]] inline Picture decode_image(const std::string& path) { return decode_image(read_file(path), path); }

}  // namespace tinycnn
