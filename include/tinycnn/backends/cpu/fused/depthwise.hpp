// DepthwiseConvolution, a convolution type for the fused ops. The backend lists each op with a convolution twice, once
// with this type, so that a network without depthwise convolutions compiles none of their kernels.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/depthwise/forward.hpp>
#include <tinycnn/backends/cpu/conv/depthwise/weight_gradient.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/any_epilogue.hpp>
#include <tinycnn/backends/cpu/fused/conv.hpp>

namespace tinycnn::cpu {

/// The three passes of a depthwise convolution and their memory, under the names of DenseConvolution's.
template <class InstructionSet>
struct DepthwiseConvolution {
  using Isa = InstructionSet;
  ConvolutionShape s;

  constexpr explicit DepthwiseConvolution(const ConvolutionShape& shape, Algorithm = Algorithm::direct) : s(shape) {}

  /// The convolution of a layer.
  static constexpr DepthwiseConvolution of(const Layer& conv) {
    return DepthwiseConvolution({conv.in, conv.out, window_of(conv), options_of<Conv2dOptions>(conv).groups, true});
  }
  static constexpr bool takes(const Layer& conv) { return is_depthwise(of(conv).s); }
  [[nodiscard]] constexpr std::string_view variant() const { return "depthwise"; }

  [[nodiscard]] constexpr std::int64_t packed_forward() const { return depthwise_packed_floats<Isa>(s); }
  [[nodiscard]] constexpr int packed_rows() const { return s.taps(); }
  [[nodiscard]] constexpr int packed_outputs() const { return s.y.c; }
  [[nodiscard]] constexpr std::int64_t packed_input_gradient() const { return packed_forward(); }
  [[nodiscard]] constexpr std::int64_t weight_gradient_workspace() const {
    return depthwise_weight_gradient_workspace_floats(s);
  }
  [[nodiscard]] constexpr std::int64_t forward_scratch(int row_multiple) const {
    return depthwise_scratch_floats<Isa>(forward_geometry(s), row_multiple);
  }
  [[nodiscard]] constexpr std::int64_t input_gradient_scratch() const {
    return depthwise_scratch_floats<Isa>(input_gradient_geometry(s));
  }
  [[nodiscard]] constexpr std::int64_t weight_gradient_scratch() const {
    return depthwise_weight_gradient_scratch_floats<Isa>(s);
  }
  [[nodiscard]] constexpr int blocks(int n, int row_multiple) const {
    return DepthwiseTiling::of(forward_geometry(s), row_multiple).blocks(n);
  }
  [[nodiscard]] constexpr int input_gradient_blocks(int n) const {
    return DepthwiseTiling::of(input_gradient_geometry(s)).blocks(n);
  }

  void pack(const float* w, float* packed, ThreadPool&) const { depthwise_pack<Isa>(s, w, false, packed); }
  void pack_transposed(const float* w, float* packed, ThreadPool&) const { depthwise_pack<Isa>(s, w, true, packed); }
  template <class Source, class Epilogue>
  void forward(int n, const Source& x, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
               float* scratch) const {
    run_depthwise_tiled<Isa>(forward_geometry(s), n, x, packed, AnyEpilogue(epilogue), pool, scratch);
  }
  template <class Source, class Epilogue>
  void input_gradient(int n, const Source& dy, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                      float* scratch) const {
    run_depthwise_tiled<Isa>(input_gradient_geometry(s), n, dy, packed, AnyEpilogue(epilogue), pool, scratch);
  }
  template <class SourceX, class SourceY>
  void weight_gradient(int n, const SourceX& x, const SourceY& dy, float* dw, float* db, ThreadPool& pool,
                       float* scratch, float* workspace) const {
    depthwise_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, workspace);
  }
};

}  // namespace tinycnn::cpu
