// Compile-time tests of windows: the shapes that layers with one give, the padding of SamePadding, the pixels that a
// mean counts, and the options that follow from option types. Compiling this file is the test.
#include <tinycnn/layers/avg_pool.hpp>
#include <tinycnn/layers/conv2d.hpp>
#include <tinycnn/layers/max_pool.hpp>

namespace {

using namespace tinycnn;

/// The output shape of a layer that must accept x.
template <class L>
constexpr Dims output_of(Dims x) {
  return L::accepts(x) == nullptr ? L::output(x) : Dims{};
}
template <class L>
constexpr const Mistake* mistake_of(Dims x) {
  return L::accepts(x);
}
constexpr Dims image(int c, int h, int w) { return {c, h, w, false}; }

// One number stands for both axes.
static_assert(output_of<Conv2d<3, 8, 3, Stride<2>, Padding<1>>>(image(3, 32, 33)) == image(8, 16, 17));
static_assert(output_of<Conv2d<3, 8, Kernel<3, 3>, Stride<2, 2>, Padding<1, 1>>>(image(3, 32, 33)) == image(8, 16, 17));
static_assert(output_of<Conv2d<3, 8, Kernel<3, 5>, Stride<2, 1>, Padding<1, 2>>>(image(3, 32, 33)) == image(8, 16, 33));
static_assert(output_of<Conv2d<3, 8, Kernel<2, 5>, Dilation<3, 2>>>(image(3, 32, 33)) == image(8, 29, 25));
static_assert(Conv2d<3, 8, Kernel<3, 5>>::macs(image(3, 3, 6)) == 2 * 8 * 3 * 15);
static_assert(Conv2d<3, 8, Kernel<3, 5>>::wants(image(7, 2, 9)) == image(3, 3, 9));

// The weights are (O, I, R, S).
constexpr Parameter weight = [] {
  Parameter all[2];
  ParameterList list{.out = all};
  Conv2d<4, 6, Kernel<3, 5>, Groups<2>>::parameters(list);
  return all[0];
}();
static_assert(weight.extents[0] == 6 && weight.extents[1] == 2 && weight.extents[2] == 3 && weight.extents[3] == 5);
static_assert(weight.initializer.fan_in == 30);

// SamePadding: the extents are divided by the stride and rounded up; the odd pixel is at the end.
constexpr bool pads(WindowAxis k, int x, int before, int after) {
  k.same = true;
  return k.on(x).padding == before && k.on(x).end_padding == after && k.output(x) == (x + k.stride - 1) / k.stride;
}
static_assert(pads({.kernel = 3}, 7, 1, 1));
static_assert(pads({.kernel = 4}, 7, 1, 2));
static_assert(pads({.kernel = 3, .stride = 2}, 8, 0, 1));
static_assert(pads({.kernel = 3, .stride = 2}, 9, 1, 1));
static_assert(pads({.kernel = 2, .stride = 3}, 9, 0, 0));  // pixels that no window covers
static_assert(pads({.kernel = 3, .dilation = 2}, 1, 2, 2));
static_assert(output_of<Conv2d<3, 8, 7, Stride<2>, SamePadding>>(image(3, 1, 2)) == image(8, 1, 1));
static_assert(output_of<MaxPool<Kernel<3, 2>, SamePadding>>(image(3, 7, 7)) == image(3, 3, 4));

// CeilMode rounds up, but the last window must start inside the image or its padding before it, as in PyTorch.
static_assert(output_of<MaxPool<3, Stride<2>, Padding<1>, CeilMode>>(image(1, 6, 4)) == image(1, 4, 3));
static_assert(output_of<AvgPool<2, Stride<3>, Padding<1>, CeilMode>>(image(1, 4, 5)) == image(1, 2, 2));
static_assert(output_of<MaxPool<2, CeilMode>>(image(1, 7, 8)) == image(1, 4, 4));
static_assert(output_of<MaxPool<3, Stride<2>, CeilMode>>(image(1, 2, 3)) == image(1, 1, 1));
static_assert(mistake_of<MaxPool<3, Stride<2>, CeilMode>>(image(1, 1, 3)) == &mistakes::kernel_exceeds_input);
static_assert(MaxPool<3, Stride<2>, CeilMode>::wants(image(1, 1, 3)) == image(1, 2, 3));

// A mean counts the padding of its window, or not, but never what lies beyond the padding.
constexpr WindowAxis ceiled{.kernel = 3, .stride = 2, .padding = 1, .end_padding = 1, .ceil = true};
static_assert(ceiled.output(6) == 4);
static_assert(counted_pixels(ceiled, 0, 6, true) == 3 && counted_pixels(ceiled, 0, 6, false) == 2);
static_assert(counted_pixels(ceiled, 2, 6, true) == 3 && counted_pixels(ceiled, 2, 6, false) == 3);
static_assert(counted_pixels(ceiled, 3, 6, true) == 2 && counted_pixels(ceiled, 3, 6, false) == 1);

// The order of options does not matter; a layer has those that its struct has a setter for, each once.
static_assert(AvgPool<2, CeilMode, NoCountIncludePad>::options->window.rows.ceil);
static_assert(!AvgPool<2, NoCountIncludePad, CeilMode>::options->count_include_pad);
template <class L>
constexpr const Mistake* mistake_on_image = L::accepts({3, 9, 9, false});
static_assert(mistake_on_image<Conv2d<3, 8, 3, CeilMode>> == &mistakes::unknown_option);
static_assert(mistake_on_image<Conv2d<3, 8, 3, Stride<>>> == &mistakes::unknown_option);
static_assert(mistake_on_image<Conv2d<3, 8, 3, Stride<1, 2, 3>>> == &mistakes::unknown_option);
static_assert(mistake_on_image<MaxPool<2, NoCountIncludePad>> == &mistakes::unknown_option);
static_assert(mistake_on_image<Conv2d<3, 8, 3, Padding<1>, SamePadding>> == &mistakes::repeated_option);
static_assert(mistake_on_image<AvgPool<2, CountIncludePad, NoCountIncludePad>> == &mistakes::repeated_option);
static_assert(mistake_on_image<AvgPool<2, CeilMode, CeilMode>> == &mistakes::repeated_option);
static_assert(mistake_on_image<Conv2d<3, 8, Kernel<3, 0>>> == &mistakes::zero_size);
static_assert(mistake_on_image<MaxPool<Kernel<4, 2>, Padding<2>>> == &mistakes::padding_exceeds_half_kernel);

}  // namespace
