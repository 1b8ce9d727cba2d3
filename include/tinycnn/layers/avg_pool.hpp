// AvgPool: the mean of each window.
#pragma once

#include <tinycnn/layers/pooling.hpp>

namespace tinycnn {

inline constexpr Kind avg_pool{.name = "AvgPool"};

/// PyTorch's count_include_pad=True, the default: a window's mean counts its padded pixels as zeros.
struct CountIncludePad {};
/// count_include_pad=False: a mean is over the pixels of the image alone.
struct NoCountIncludePad {
  using option = CountIncludePad;
};

struct AvgPoolOptions : PoolingOptions<WindowOptions> {
  bool count_include_pad = true;

  using PoolingOptions<WindowOptions>::set;
  constexpr void set(CountIncludePad) { count_include_pad = true; }
  constexpr void set(NoCountIncludePad) { count_include_pad = false; }
};

/// The pixels that window `at` counts along an axis of x pixels, with or without those of the padding.
constexpr int counted_pixels(const WindowAxis& k, int at, int x, bool padding) {
  const int start = at * k.stride - k.padding, least = padding || start > 0 ? start : 0;
  const int most = x + (padding ? k.end_padding : 0);
  return (start + k.kernel < most ? start + k.kernel : most) - least;
}

/// Average pooling, torch.nn.AvgPool2d(kernel, ...). x (C, H, W) -> y (C, P, Q), y[c, p, q] = sum of x over the window
/// / the pixels it counts. What CeilMode lets extend beyond the padding never counts. Options: Stride<kernel>,
/// Padding<0>, SamePadding, CeilMode, CountIncludePad, NoCountIncludePad.
template <KernelArgument auto KernelSize, class... Choices>
struct AvgPool : Pooling<AvgPoolOptions, KernelSize, Choices...> {
  static constexpr const Kind& kind = avg_pool;
};

}  // namespace tinycnn
