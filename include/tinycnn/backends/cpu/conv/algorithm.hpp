// Which algorithm computes a convolution: chosen by its shape, for inference also by the batch's capacity.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/winograd/tiles.hpp>

namespace tinycnn::cpu {

/// `narrow` is Winograd F(4x2, 3x3), with output tiles of 4 x 2 pixels instead of 4 x 4.
enum class Algorithm { direct, winograd, narrow };

/// Winograd where it needs at most two thirds of the direct algorithm's products and has enough channels to outweigh
/// the cost of its transforms.
constexpr Algorithm choose_algorithm(const ConvolutionShape& s) {
  constexpr int min_channels = 16;
  if (!winograd_fits(s) || s.x.c < min_channels || s.y.c < min_channels) return Algorithm::direct;
  const std::int64_t products = std::int64_t(Winograd::points) * tile_rows(s) * tile_columns(s);
  return 3 * products <= 2 * s.taps() * s.y.pixels() ? Algorithm::winograd : Algorithm::direct;
}

/// For inference, where choose_algorithm gives Winograd: whichever algorithm needs the fewest register tiles per panel
/// for a batch of `capacity`; of equals, the one with the fewest weights to read.
template <class Isa>
constexpr Algorithm choose_inference_algorithm(const ConvolutionShape& s, std::int64_t capacity) {
  if (choose_algorithm(s) == Algorithm::direct) return Algorithm::direct;
  const auto products = [&](int points, std::int64_t rows) {
    return points * ((capacity * rows + MR<Isa> - 1) / MR<Isa>);
  };
  const auto tiled = [&](int width) {
    return products(Winograd::points_of(width), std::int64_t(tile_rows(s)) * tile_columns(s, width));
  };
  const std::int64_t direct = products(s.taps(), s.y.pixels());
  const std::int64_t narrow = tiled(Winograd::narrow), wide = tiled(Winograd::tile);
  if (direct <= narrow && direct <= wide) return Algorithm::direct;
  return narrow <= wide ? Algorithm::narrow : Algorithm::winograd;
}

}  // namespace tinycnn::cpu
