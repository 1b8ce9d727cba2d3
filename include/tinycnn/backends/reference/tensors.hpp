// How the plain loops see tensors: by (n, c, pixel), weights by (o, i, r, s), whatever order the backend stores.
#pragma once

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/backends/layout.hpp>

namespace tinycnn::reference {

/// Channels of a sample: those of an image, or every feature of a flat one.
constexpr int channels(const Dims& d) { return d.flat ? int(d.size()) : d.c; }
constexpr int pixels(const Dims& d) { return d.flat ? 1 : d.h * d.w; }

/// Element of channel c at pixel p, images and flat samples alike.
template <class T>
T& at(const View<T>& v, long n, int c, int p) {  // (N, C, H W)
  return v.dims.flat ? v(n, c) : v(n, c, p / v.dims.w, p % v.dims.w);
}

/// Weights of a convolution.
template <class T>
struct KernelView {
  T* data;
  const int* extents;
  Order order;
  T& operator()(int o, int i, int r, int s) const {
    return data[kernel_place(order, extents, o, i, r, s)];
  }  // (O, I, R, S)
};

/// Weights of a Linear.
template <class T>
struct MatrixView {
  T* data;
  const int* extents;
  Dims in;
  Order order;
  T& operator()(int o, int i) const { return data[matrix_place(order, extents, in, o, i)]; }  // (Out, In)
};

/// Puts `add`, or zeros, where contributions will be added: dx = add.
template <class Backend>
void start_gradient(const Execution<Backend>& run, int dx, int add) {
  using T = typename Backend::Scalar;
  T* to = run.data(dx);
  const T* from = run.data(add);
  const long count = run.n * run.dims(dx).size();
  for (long i = 0; i < count; ++i) to[i] = from == nullptr ? T(0) : from[i];
}

}  // namespace tinycnn::reference
