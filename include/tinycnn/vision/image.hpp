// A decoded picture: interleaved 8-bit RGB, as Pillow's Image of mode "RGB" and stb_image hand it out.
#pragma once

#include <cstdint>
#include <vector>

namespace tinycnn {

struct Picture {
  int w = 0;
  int h = 0;
  std::vector<std::uint8_t> rgb;  // (H,W,3)
};

}  // namespace tinycnn
