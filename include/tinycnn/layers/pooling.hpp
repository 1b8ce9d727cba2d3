// The shape rule that MaxPool and AvgPool share.
#pragma once

#include <cstdint>

#include <tinycnn/layers/window_options.hpp>

namespace tinycnn {

/// PyTorch's ceil_mode=True: the output's extents are rounded up, so that a last window may extend beyond the padding.
/// A window that would start beyond the last pixel is dropped.
struct CeilMode {};

/// The options of a pool: WindowOptions or DilatedWindowOptions, and CeilMode.
template <class Base>
struct PoolingOptions : Base {
  using Base::set;
  template <auto K>
  constexpr void set(WithKernel<K> kernel) {  // which is also the stride, unless one is given
    Base::set(kernel);
    this->window.rows.stride = this->window.rows.kernel;
    this->window.columns.stride = this->window.columns.kernel;
  }
  constexpr void set(CeilMode) { this->window.rows.ceil = this->window.columns.ceil = true; }
};

namespace mistakes {
inline constexpr Mistake padding_exceeds_half_kernel{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::padding_exceeds_half_kernel, Index, Where...> {
  static_assert(Index < 0, "a pooling window's padding must be at most half its kernel");
};

/// x (C, H, W) -> y (C, P, Q), P = (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1; see WindowAxis. The stride
/// defaults to the kernel.
template <class Options, KernelArgument auto KernelSize, class... Choices>
struct Pooling {
  static constexpr const Chosen<Options>* chosen = &chosen_options<Options, WithKernel<KernelSize>, Choices...>;
  static constexpr const Options* options = &chosen->options;

  static constexpr const Mistake* accepts(Dims x) {
    const Window& k = options->window;
    if (chosen->mistake != nullptr) return chosen->mistake;
    if (has_zero_size(k)) return &mistakes::zero_size;
    if (2 * k.rows.padding > k.rows.kernel || 2 * k.columns.padding > k.columns.kernel)
      return &mistakes::padding_exceeds_half_kernel;
    return x.flat ? &mistakes::wants_image : window_mistake(k, x);
  }
  static constexpr Dims wants(Dims x) { return options->window.wants(x.c, x); }
  static constexpr Dims output(Dims x) { return options->window.output(x.c, x); }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

}  // namespace tinycnn
