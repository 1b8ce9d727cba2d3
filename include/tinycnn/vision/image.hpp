// A decoded picture, interleaved 8-bit RGB like Pillow's Image of mode "RGB", and its conversion to a network's input.
#pragma once

#include <cstdint>
#include <vector>

namespace tinycnn {

struct Picture {
  int w = 0;
  int h = 0;
  std::vector<std::uint8_t> rgb;  // (H,W,3)
};

/// Converts (H,W,3) bytes to (3,H,W) bytes.
inline void to_planes(const std::uint8_t* rgb, std::int64_t pixels, std::uint8_t* out) {
  for (std::int64_t i = 0; i < pixels; ++i)
    for (int c = 0; c < 3; ++c) out[c * pixels + i] = rgb[3 * i + c];
}

/// Converts bytes to floats in [0, 1], as torchvision's ToTensor does.
inline void to_floats(const std::uint8_t* bytes, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = float(bytes[i]) / 255.0f;
}

}  // namespace tinycnn
