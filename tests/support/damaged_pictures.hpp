// Damaged pictures, the same ones in every run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "picture_bytes.hpp"

/// Knuth's linear congruential generator: numbers below `limit`, for changes that need no better ones.
struct Dice {
  std::uint64_t state;
  std::size_t operator()(std::size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return std::size_t(state >> 33) % limit;
  }
};

/// The file with up to three bytes from `first` on changed, and every fifth one cut off somewhere.
inline std::string damaged(std::string bytes, std::size_t first, Dice& dice) {
  for (std::size_t changes = dice(4); changes > 0; --changes)
    bytes[first + dice(bytes.size() - first)] = char(dice(256));
  if (dice(5) == 0) bytes.resize(first + dice(bytes.size() - first));
  return bytes;
}

/// BMPs of every header, of every number of bits, with full, short, optional and missing palettes and colour masks.
inline std::vector<std::string> damaged_bmps(int count) {
  constexpr int headers[] = {12, 40, 56, 108, 124}, bits[] = {1, 4, 8, 16, 24, 32}, colours[] = {-1, 16, 1, 3, 0};
  std::vector<std::string> files;
  Dice dice{1};
  for (int i = 0; i < count; ++i) {
    picture_bytes::Bmp bmp{.w = 1 + i % 19, .h = i % 3 ? 6 : -6, .bits = bits[i / 5 % 6], .header = headers[i % 5]};
    bmp.colours = bmp.bits <= 8 || i % 4 == 0 ? colours[i / 30 % 5] : 0;
    bmp.stated = i % 2 ? 0 : int(dice(300));
    if (bmp.header == 12 && bmp.h < 0) bmp.h = -bmp.h;
    if (bmp.bits >= 16 && i % 2) {
      bmp.compression = 3;
      for (int c = 0; c < 3; ++c) bmp.masks[c] = bmp.bits == 16 ? 0x1fu << 5 * c : 0xffu << 8 * c;
    }
    const bool below = i % 3 == 0;  // after the header, so that the header is sound
    files.push_back(damaged(bytes_of(bmp), below ? 14 + std::size_t(bmp.header) : 2, dice));
  }
  return files;
}

/// PNGs and JPEGs in turn, damaged after the fields that state their size.
inline std::vector<std::string> damaged_pngs_and_jpegs(int count) {
  using namespace picture_bytes;
  constexpr Colour kinds[] = {Colour::palette, Colour::grey, Colour::rgb, Colour::grey_alpha, Colour::rgba};
  std::vector<std::string> files;
  Dice dice{2};
  for (int i = 0; i < count; ++i) {
    const Png png{.w = 1 + i % 17, .colour = kinds[i / 2 % 5], .interlaced = i % 3 == 0, .colours = 1 + i % 20};
    const std::string jpeg = bytes_of(Jpeg{.components = 1 + i % 2 * 2, .progressive = i % 4 == 0});
    files.push_back(i % 2 ? damaged(bytes_of(png), 33, dice) : damaged(jpeg, jpeg.find("\xff\xc4"), dice));
  }
  return files;
}
