// Pictures to JPEG files, by stb_image_write. Its code is not here: see vision/stb.hpp.
#pragma once

#include <string>

#include <tinycnn/core/error.hpp>
#include <tinycnn/vision/image.hpp>

extern "C" int stbi_write_jpg_to_func(void (*func)(void* context, void* data, int size), void* context, int x, int y,
                                      int comp, const void* data, int quality);

namespace tinycnn {

/// The bytes of a baseline JPEG file; quality 1 to 100, chroma at half resolution up to 90.
inline std::string encode_jpeg(const Picture& picture, int quality) {
  std::string bytes;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data), std::size_t(size));
  };
  if (!stbi_write_jpg_to_func(append, &bytes, picture.w, picture.h, 3, picture.rgb.data(), quality))
    throw Error({"a picture of ", picture.w, " x ", picture.h, " pixels cannot be encoded"});
  return bytes;
}

}  // namespace tinycnn
