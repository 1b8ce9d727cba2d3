// Tensors as the plain loops index them, (n, c, pixel) and (o, i, r, s) for weights, in whatever order a backend
// stores.
#pragma once

#include <cstdint>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/backends/layout.hpp>
#include <tinycnn/core/window.hpp>

namespace tinycnn::reference {

/// Channels of a sample: those of an image, or every feature of a flat one.
constexpr int channels(const Dims& d) { return d.flat ? int(d.size()) : d.c; }
constexpr int pixels(const Dims& d) { return d.flat ? 1 : d.h * d.w; }

/// The element of channel c at pixel p, of images and flat samples.
template <class T>
T& at(const View<T>& v, std::int64_t n, int c, int p) {  // (N, C, H W)
  return v.dims.flat ? v(n, c) : v(n, c, p / v.dims.w, p % v.dims.w);
}

/// The weights of a convolution.
template <class T>
struct KernelView {
  T* data;
  const int* extents;
  Order order;
  T& operator()(int o, int i, int r, int s) const {
    return data[kernel_offset(order, extents, o, i, r, s)];
  }  // (O, I, R, S)
};

/// The weights of a Linear.
template <class T>
struct MatrixView {
  T* data;
  const int* extents;
  Dims in;
  Order order;
  T& operator()(int o, int i) const { return data[matrix_offset(order, extents, in, o, i)]; }  // (Out, In)
};

/// Calls f(n, c, h, w) for every element of n images.
template <class F>
void for_each_element(int count, const Dims& d, F&& f) {
  for (int n = 0; n < count; ++n)
    for (int c = 0; c < d.c; ++c)
      for (int h = 0; h < d.h; ++h)
        for (int w = 0; w < d.w; ++w) f(n, c, h, w);
}

/// Calls f(h, w, tap) for the pixels of `image` that window (p, q) covers, in ascending order of the taps.
template <class F>
void for_each_tap(const Window& k, int p, int q, const Dims& image, F&& f) {
  const auto pixel_of = [](const WindowAxis& a, int at, int tap) {
    return at * a.stride + tap * a.dilation - a.padding;
  };
  for (int r = 0; r < k.rows.kernel; ++r)
    for (int s = 0; s < k.columns.kernel; ++s) {
      const int h = pixel_of(k.rows, p, r), w = pixel_of(k.columns, q, s);
      if (h >= 0 && h < image.h && w >= 0 && w < image.w) f(h, w, r * k.columns.kernel + s);
    }
}

/// Calls f(p, q, tap) for those of `windows` that cover pixel (h, w), in ascending order, with the tap that covers it.
template <class F>
void for_each_window(const Window& k, int h, int w, const Dims& windows, F&& f) {
  const auto covering = [](const WindowAxis& a, int pixel, int tap, int count) {  // -1: no window's tap lies there
    const int start = pixel + a.padding - tap * a.dilation;
    return start >= 0 && start % a.stride == 0 && start / a.stride < count ? start / a.stride : -1;
  };
  for (int r = k.rows.kernel - 1; r >= 0; --r) {
    const int p = covering(k.rows, h, r, windows.h);
    for (int s = k.columns.kernel - 1; s >= 0 && p >= 0; --s)
      if (const int q = covering(k.columns, w, s, windows.w); q >= 0) f(p, q, r * k.columns.kernel + s);
  }
}

/// to += contribution, computed in the type of the contribution.
template <class Stored, class T>
void add_to(Stored& to, T contribution) {
  to = Stored(T(to) + contribution);
}

/// Starts a gradient that contributions will be added to: dx = add, or zeros if there is none.
template <class Backend>
void start_gradient(const Execution<Backend>& run, int dx, int add) {
  using Stored = typename Backend::Stored;
  Stored* to = run.data(dx);
  const Stored* from = run.data(add);
  const std::int64_t count = run.n * run.dims(dx).size();
  for (std::int64_t i = 0; i < count; ++i) to[i] = from == nullptr ? Stored(0) : from[i];
}

}  // namespace tinycnn::reference
