// Encodes pictures as JPEG, with stb_image_write. Its code is included by vision/stb.hpp.
#pragma once

#include <string>

#include <tinycnn/core/error.hpp>
#include <tinycnn/vision/image.hpp>

extern "C" int stbi_write_jpg_to_func(void (*func)(void* context, void* data, int size), void* context, int x, int y,
                                      int comp, const void* data, int quality);

namespace tinycnn {

/// The bytes of a baseline JPEG file. The quality is 1 to 100; up to 90, chroma has half the resolution. Throws an
/// Error if the picture cannot be encoded.
[[gnu::cold]] inline std::string encode_jpeg(const Picture& picture, int quality) {
  std::string bytes;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data), std::size_t(size));
  };
  if (!stbi_write_jpg_to_func(append, &bytes, picture.w, picture.h, 3, picture.rgb.data(), quality))
    throw Error({"a picture of ", picture.w, " x ", picture.h, " pixels cannot be encoded"});
  return bytes;
}

}  // namespace tinycnn
