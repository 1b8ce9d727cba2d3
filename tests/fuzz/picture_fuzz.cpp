// Decodes and resizes a picture.
// libFuzzer: -max_len=4096 -timeout=20
#include "fuzz.hpp"
#include "tinycnn/vision/decode.hpp"
#include "tinycnn/vision/resize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tinycnn;
  const std::string_view bytes = fuzz::view(data, size);
  int w = 0, h = 0, channels = 0;
  constexpr long enough = 1'000'000;  // the 100 million that are allowed would take seconds with the sanitizers
  if (!picture_fault(bytes) && stbi_info_from_memory(data, int(size), &w, &h, &channels) && long(w) * h > enough &&
      long(w) * h <= largest_picture)
    return -1;
  Picture picture;
  if (!fuzz::accepts("a.jpg", [&] { picture = decode_image(bytes, "a.jpg"); })) return 0;
  fuzz::demand(picture.w > 0 && picture.h > 0, "a picture has pixels");
  fuzz::demand(long(picture.rgb.size()) == 3L * picture.w * picture.h, "a picture has three bytes per pixel");
  for (const auto& [to_w, to_h] : {std::pair{16, 12}, {1, 70}}) {
    const Picture resized = resize_bilinear(picture, to_w, to_h);
    fuzz::demand(resized.w == to_w && resized.h == to_h && long(resized.rgb.size()) == 3L * to_w * to_h,
                 "a picture has the size it was resized to");
  }
  return 0;
}
