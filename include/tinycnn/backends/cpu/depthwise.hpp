// Depthwise convolutions as a backend's rows: every row with a convolution once more, over the kernels of
// convolution_depthwise.hpp and its weight gradient, so that a network without them compiles none of those.
#pragma once

#include <tinycnn/backends/cpu/conv.hpp>
#include <tinycnn/backends/cpu/convolution_depthwise_weight_gradient.hpp>

namespace tinycnn::cpu {

/// An instruction set whose Convolution is the depthwise one.
template <class Isa>
struct Depthwise : Isa {};

template <class Isa>
struct Convolution<Depthwise<Isa>> {
  ConvolutionShape s;

  constexpr explicit Convolution(const ConvolutionShape& shape, Algorithm = Algorithm::direct) : s(shape) {}
  [[nodiscard]] constexpr std::string_view variant() const { return "depthwise"; }

  [[nodiscard]] constexpr long packed_forward() const { return depthwise_packed_floats<Isa>(s); }
  [[nodiscard]] constexpr int packed_rows() const { return s.taps(); }
  [[nodiscard]] constexpr int packed_outputs() const { return s.y.c; }
  [[nodiscard]] constexpr long packed_input_gradient() const { return packed_forward(); }
  [[nodiscard]] constexpr long weight_gradient_shared() const { return depthwise_gradient_shared_floats(s); }
  [[nodiscard]] constexpr long forward_scratch(int row_multiple) const {
    return depthwise_scratch_floats<Isa>(forward_sweep(s), row_multiple);
  }
  [[nodiscard]] constexpr long input_gradient_scratch() const {
    return depthwise_scratch_floats<Isa>(input_gradient_sweep(s));
  }
  [[nodiscard]] constexpr long weight_gradient_scratch() const { return depthwise_gradient_scratch_floats<Isa>(s); }
  [[nodiscard]] constexpr int blocks(int n, int row_multiple) const {
    return DepthwiseBlocking::of(forward_sweep(s), row_multiple).blocks(n);
  }
  [[nodiscard]] constexpr int input_gradient_blocks(int n) const {
    return DepthwiseBlocking::of(input_gradient_sweep(s)).blocks(n);
  }

  void pack(const float* w, float* packed, ThreadPool&) const { pack_depthwise<Isa>(s, w, false, packed); }
  void pack_transposed(const float* w, float* packed, ThreadPool&) const { pack_depthwise<Isa>(s, w, true, packed); }
  template <class Source, class Epilogue>
  void forward(int n, const Source& x, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
               float* scratch) const {
    depthwise_walk<Isa>(forward_sweep(s), n, x, packed, AnyEpilogue(epilogue), pool, scratch);
  }
  template <class Source, class Epilogue>
  void input_gradient(int n, const Source& dy, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                      float* scratch) const {
    depthwise_walk<Isa>(input_gradient_sweep(s), n, dy, packed, AnyEpilogue(epilogue), pool, scratch);
  }
  template <class SourceX, class SourceY>
  void weight_gradient(int n, const SourceX& x, const SourceY& dy, float* dw, float* db, ThreadPool& pool,
                       float* scratch, float* shared) const {
    depthwise_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, shared);
  }
};

/// A row for depthwise convolutions only; it stands before the row it is made of.
template <template <class> class Row, class Isa>
struct DepthwiseRow : Row<Depthwise<Isa>> {
  static constexpr bool fits(const Match& m) {
    return is_depthwise(convolution_of<Depthwise<Isa>>(m.first()).s) &&
           tinycnn::detail::fits_of<Row<Depthwise<Isa>>>(m);
  }
};

}  // namespace tinycnn::cpu
