// Draws a synthetic photograph: a textured object, whose texture is its class, on a cluttered, unevenly lit, noisy
// background.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <tinycnn/core/random.hpp>
#include <tinycnn/vision/image.hpp>

namespace tinycnn {

/// The number of textures, the most classes that a synthetic data set can have.
inline constexpr int synthetic_textures = 11;

namespace detail {

using Colour = std::array<float, 3>;  // red, green, blue in [0, 1]

inline Colour mix(const Colour& a, const Colour& b, float t) {
  return {a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t};
}

inline float clamp01(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

/// Converts hue, saturation and value in [0, 1] to red, green and blue.
inline Colour from_hsv(float hue, float saturation, float value) {
  Colour colour;
  for (int c = 0; c < 3; ++c) {
    float x = hue + float(3 - c) / 3.0f;
    x = 6 * (x - float(int(x)));
    const float pure = clamp01((x < 3 ? 3 - x : x - 3) - 1);
    colour[std::size_t(c)] = value * (1 - saturation * (1 - pure));
  }
  return colour;
}

/// The sequence of random numbers of one picture.
struct Draws {
  std::uint64_t seed;
  std::uint64_t stream;
  std::uint64_t taken = 0;
  float operator()(float low, float high) { return low + (high - low) * uniform(seed, stream, taken++); }
};

/// Smooth noise in [0, 1]: an interpolated random lattice.
class Cloud {
 public:
  explicit Cloud(Draws& draw) {
    for (float& node : lattice_) node = draw(0, 1);
  }
  float operator()(float x, float y) const {  // x, y in [0, 1]
    const float gx = x * (nodes - 1.001f), gy = y * (nodes - 1.001f);
    const int i = int(gx), j = int(gy);
    const float fx = smooth(gx - float(i)), fy = smooth(gy - float(j));
    const float* node = lattice_.data() + j * nodes + i;
    const float above = node[0] + (node[1] - node[0]) * fx;
    const float under = node[nodes] + (node[nodes + 1] - node[nodes]) * fx;
    return above + (under - above) * fy;
  }

 private:
  static constexpr int nodes = 7;
  static float smooth(float t) { return t * t * (3 - 2 * t); }
  std::array<float, nodes * nodes> lattice_{};
};

/// The texture of class `label`, which distinguishes the classes: the weight in [0, 1] of the second colour at (u, v)
/// in object coordinates, from -1 to 1. `f` is the frequency of the pattern, `p` its phase.
inline float synthetic_texture(int label, float u, float v, float f, float p, std::uint64_t seed) {
  const float r = std::sqrt(u * u + v * v) + 1e-6f;
  const auto cell = [&](float x) { return x * f * 0.32f + p - std::floor(x * f * 0.32f + p); };
  const auto edge = [](float s) { return clamp01(0.5f + 2.5f * s); };
  switch (label) {
    case 0:
      return edge(std::sin(f * u + p));  // stripes
    case 1:
      return edge(2 * std::sin(f * u + p) * std::sin(f * v + p));  // a chequerboard
    case 2: {                                                      // dots
      const float x = cell(u) - 0.5f, y = cell(v) - 0.5f;
      return edge(6 * (0.3f - std::sqrt(x * x + y * y)));
    }
    case 3:
      return edge(std::sin(1.6f * f * r + p));                         // rings
    case 4: {                                                          // rays: the real part of (z / |z|)^6
      const float x = u / r, y = v / r, c3 = x * (x * x - 3 * y * y);  // cos 3a; cos 6a = 2 cos^2 3a - 1
      return edge(2 * c3 * c3 - 1);
    }
    case 5:
      return cell(u) < 0.22f || cell(v) < 0.22f ? 1.0f : 0.0f;  // a grid of lines
    case 6:
      return edge(std::sin(f * u + p + 2.2f * std::sin(0.8f * f * v)));  // waves
    case 7:
      return edge(6 * (r - 0.62f));  // a plain centre in a broad rim
    case 8: {                        // speckle
      const auto i = std::uint64_t(int(16 * (u + 2))), j = std::uint64_t(int(16 * (v + 2)));
      return uniform(seed, 0x73706563, 1024 * i + j) < 0.5f ? 0.0f : 1.0f;
    }
    case 9: {  // a spiral of two arms
      const float c2 = (u * u - v * v) / (r * r), s2 = 2 * u * v / (r * r);
      return edge(c2 * std::cos(f * r + p) + s2 * std::sin(f * r + p));
    }
    default: {  // bricks, every other row shifted
      const float row = std::floor(v * f * 0.5f + p), y = v * f * 0.5f + p - row;
      float x = u * f * 0.22f + p + 0.5f * (row - 2 * std::floor(row / 2));
      x -= std::floor(x);
      return x < 0.12f || y < 0.2f ? 1.0f : 0.0f;
    }
  }
}

/// A disc (shape 0), a square (1) or a diamond (2): less than 1 inside.
inline float synthetic_outline(int shape, float u, float v) {
  const float a = std::fabs(u), b = std::fabs(v);
  if (shape == 0) return std::sqrt(u * u + v * v);
  return shape == 1 ? (a > b ? a : b) * 1.15f : (a + b) * 0.8f;
}

}  // namespace detail

/// The picture `id` of class `label`, from 0 to `synthetic_textures` - 1, 96 to 256 pixels in width and height. The
/// class determines the texture and, weakly, the hue; position, size, rotation, colours, light, clutter and noise are
/// drawn from (seed, id).
inline Picture synthetic_picture(int label, std::uint64_t seed, std::uint64_t id) {
  using namespace detail;
  Draws draw{seed, (std::uint64_t(0x70696374) << 32) + id};
  const float long_side = draw(128, 256), aspect = draw(0.75f, 1), upright = draw(0, 1);
  Picture picture{
      int(upright < 0.5f ? long_side * aspect : long_side), int(upright < 0.5f ? long_side : long_side * aspect), {}};
  const float side = float(picture.w < picture.h ? picture.w : picture.h);

  const float hue = float(label) / synthetic_textures + draw(-0.1f, 0.1f) + 1;
  const Colour dark = from_hsv(hue, draw(0.3f, 0.9f), draw(0.15f, 0.45f));
  const Colour bright = from_hsv(hue + draw(-0.1f, 0.1f), draw(0.1f, 0.6f), draw(0.7f, 1));
  const bool swapped = draw(0, 1) < 0.5f;
  const Colour ground_a = from_hsv(draw(0, 1), draw(0, 0.6f), draw(0.2f, 0.9f));
  const Colour ground_b = from_hsv(draw(0, 1), draw(0, 0.6f), draw(0.2f, 0.9f));
  const Cloud cloud(draw);
  const float lit = draw(0.6f, 1.1f), light_x = draw(-0.35f, 0.35f), light_y = draw(-0.35f, 0.35f),
              grain = draw(0.02f, 0.1f);

  struct Blob {
    float x, y, radius, turn_x, turn_y;
    int shape;
    Colour colour;
  };
  const auto draw_blob = [&](float low, float high, float small, float large) {
    const float turn = draw(0, 6.2831853f);
    return Blob{draw(low, high) * float(picture.w),
                draw(low, high) * float(picture.h),
                draw(small, large) * side,
                std::cos(turn),
                std::sin(turn),
                int(draw(0, 2.999f)),
                from_hsv(draw(0, 1), draw(0, 0.8f), draw(0.2f, 1))};
  };
  std::vector<Blob> clutter;
  for (int i = int(draw(2, 6)); i > 0; --i) clutter.push_back(draw_blob(0, 1, 0.06f, 0.2f));
  const Blob object = draw_blob(0.4f, 0.6f, 0.34f, 0.48f);
  const float frequency = draw(9, 13), phase = draw(0, 6.2831853f);

  picture.rgb.resize(std::size_t(picture.w) * std::size_t(picture.h) * 3);
  std::uint8_t* out = picture.rgb.data();
  for (int h = 0; h < picture.h; ++h) {
    for (int w = 0; w < picture.w; ++w, out += 3) {
      const float x = float(w) / float(picture.w), y = float(h) / float(picture.h);
      Colour colour = mix(ground_a, ground_b, cloud(x, y));
      const auto inside = [&](const Blob& blob, float& u, float& v) {
        const float dx = (float(w) - blob.x) / blob.radius, dy = (float(h) - blob.y) / blob.radius;
        u = dx * blob.turn_x + dy * blob.turn_y;
        v = dy * blob.turn_x - dx * blob.turn_y;
        return synthetic_outline(blob.shape, u, v) < 1;
      };
      float u, v;
      for (const Blob& blob : clutter)
        if (inside(blob, u, v)) colour = blob.colour;
      if (inside(object, u, v)) {
        const float t = synthetic_texture(label, u, v, frequency, phase, seed + id);
        colour = mix(dark, bright, swapped ? 1 - t : t);
      }
      const float light = lit * (1 + light_x * (2 * x - 1) + light_y * (2 * y - 1));
      const auto noise =
          Philox{seed}((std::uint64_t(0x6e6f6973) << 32) + id, std::uint64_t(h) * 4096 + std::uint64_t(w));
      for (std::size_t c = 0; c < 3; ++c) {  // the sum of four bytes is nearly normal
        const std::uint32_t bytes = noise[c];
        const float normal =
            float((bytes & 255) + (bytes >> 8 & 255) + (bytes >> 16 & 255) + (bytes >> 24)) / 148.0f - 3.446f;
        out[c] = std::uint8_t(255 * clamp01(colour[c] * light + grain * normal) + 0.5f);
      }
    }
  }
  return picture;
}

}  // namespace tinycnn
