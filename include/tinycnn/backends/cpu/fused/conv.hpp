// Conv2d alone, and what every fused op with a convolution calls: the convolution's three passes, by its algorithm.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/algorithm.hpp>
#include <tinycnn/backends/cpu/conv/direct/forward.hpp>
#include <tinycnn/backends/cpu/conv/direct/input_gradient.hpp>
#include <tinycnn/backends/cpu/conv/direct/weight_gradient.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/any_epilogue.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/batch_norm_reduction.hpp>
#include <tinycnn/backends/cpu/conv/winograd/forward.hpp>
#include <tinycnn/backends/cpu/conv/winograd/weight_gradient.hpp>
#include <tinycnn/backends/cpu/layers/batch_norm_statistics.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/integer_math.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn::cpu {

/// The three passes of a convolution and the memory they need, for whichever algorithm its shape selects. Fused ops
/// take such a type as their argument: this one or DepthwiseConvolution. Sizes are in floats. `AllowWinograd`: whether
/// Winograd may be selected.
template <class InstructionSet, bool AllowWinograd = true>
struct DenseConvolution {
  using Isa = InstructionSet;
  ConvolutionShape s;
  Algorithm algorithm;

  constexpr explicit DenseConvolution(const ConvolutionShape& shape) : s(shape), algorithm(choose_algorithm(shape)) {}
  constexpr DenseConvolution(const ConvolutionShape& shape, Algorithm chosen) : s(shape), algorithm(chosen) {}

  /// The convolution of a layer.
  [[gnu::noinline]] static constexpr DenseConvolution of(const Layer& conv) {
    const bool no_winograd = options_of<Conv2dOptions>(conv).no_winograd || !AllowWinograd;
    return DenseConvolution({conv.in, conv.out, window_of(conv), options_of<Conv2dOptions>(conv).groups, no_winograd});
  }
  /// Whether this type can compute a layer's convolution.
  static constexpr bool takes(const Layer&) { return true; }
  [[nodiscard]] constexpr bool winograd() const { return algorithm != Algorithm::direct; }
  [[nodiscard]] constexpr int tile_width() const {
    return algorithm == Algorithm::narrow ? Winograd::narrow : Winograd::tile;
  }
  /// The algorithm as `describe` prints it; empty for direct.
  [[nodiscard]] constexpr std::string_view variant() const { return winograd() ? "Winograd" : ""; }

  [[nodiscard]] constexpr std::int64_t packed_forward() const {
    return winograd() ? winograd_packed_floats<Isa>(s, tile_width()) : direct_packed_floats<Isa>(s);
  }
  /// Rows of NR packed weights per panel: one per input channel and tap (or point).
  [[nodiscard]] constexpr int packed_rows() const {
    return (winograd() ? Winograd::points_of(tile_width()) : s.taps()) * s.group_inputs();
  }
  /// Output channels whose panels are packed together; the last of these panels may be partly empty.
  [[nodiscard]] constexpr int packed_outputs() const { return s.group_outputs(); }
  [[nodiscard]] constexpr std::int64_t packed_input_gradient() const {
    return winograd() ? winograd_packed_input_gradient_floats<Isa>(s) : direct_packed_input_gradient_floats<Isa>(s);
  }
  [[nodiscard]] constexpr std::int64_t weight_gradient_workspace() const {
    return winograd() ? winograd_weight_gradient_workspace_floats<Isa>(s)
                      : direct_weight_gradient_workspace_floats<Isa>(s);
  }
  [[nodiscard]] constexpr std::int64_t forward_scratch(int row_multiple) const {
    return winograd() ? winograd_scratch_floats<Isa>(s, row_multiple, tile_width())
                      : direct_scratch_floats<Isa>(s, row_multiple);
  }
  [[nodiscard]] constexpr std::int64_t input_gradient_scratch() const {
    return winograd() ? winograd_input_gradient_scratch_floats<Isa>(s) : direct_input_gradient_scratch_floats<Isa>(s);
  }
  [[nodiscard]] constexpr std::int64_t weight_gradient_scratch() const {
    return winograd() ? winograd_weight_gradient_scratch_floats<Isa>(s) : direct_weight_gradient_scratch_floats<Isa>(s);
  }
  /// Blocks of n samples in the forward pass, and in the input gradient.
  [[nodiscard]] constexpr int blocks(int n, int row_multiple) const {
    return winograd() ? winograd_blocks(s, n, row_multiple) : direct_blocks(s, n, row_multiple);
  }
  [[nodiscard]] constexpr int input_gradient_blocks(int n) const {
    return winograd() ? winograd_blocks(winograd_transposed(s), n) : direct_input_gradient_blocks(s, n);
  }

  void pack(const float* w, float* packed, ThreadPool& pool) const {
    winograd() ? winograd_pack_forward<Isa>(s, w, packed, pool, tile_width())
               : direct_pack_forward<Isa>(s, w, packed, pool);
  }
  void pack_transposed(const float* w, float* packed, ThreadPool& pool) const {
    winograd() ? winograd_pack_input_gradient<Isa>(s, w, packed, pool)
               : direct_pack_input_gradient<Isa>(s, w, packed, pool);
  }
  template <class Source, class Epilogue>
  void forward(int n, const Source& x, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
               float* scratch) const {
    const AnyEpilogue any(epilogue);
    winograd() ? winograd_forward<Isa>(s, n, x, packed, any, pool, scratch, tile_width())
               : direct_forward<Isa>(s, n, x, packed, any, pool, scratch);
  }
  template <class Source, class Epilogue>
  void input_gradient(int n, const Source& dy, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                      float* scratch) const {
    const AnyEpilogue any(epilogue);
    winograd() ? winograd_input_gradient<Isa>(s, n, dy, packed, any, pool, scratch)
               : direct_input_gradient<Isa>(s, n, dy, packed, any, pool, scratch);
  }
  template <class SourceX, class SourceY>
  void weight_gradient(int n, const SourceX& x, const SourceY& dy, float* dw, float* db, ThreadPool& pool,
                       float* scratch, float* workspace) const {
    winograd() ? winograd_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, workspace)
               : direct_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, workspace);
  }
};

/// The algorithm of an op's convolution, as `describe` prints it.
template <class Convolution>
constexpr std::string_view convolution_variant(const Layer& conv) {
  return Convolution::of(conv).variant();
}

/// Whether an op's convolution type can compute the match's first layer.
template <class Convolution>
constexpr bool takes_convolution(const Match& m) {
  return Convolution::takes(m.first());
}

/// The memory that a convolution's passes need, all three or in inference the forward pass; `row_multiple` is that of
/// its forward epilogue.
template <class Convolution>
constexpr MemoryRequirements convolution_requirements(const Layer& conv, Mode mode, int row_multiple = 1) {
  const Convolution c = Convolution::of(conv);
  MemoryRequirements requirements;
  requirements.workspace = aligned(c.packed_forward());
  requirements.scratch = c.forward_scratch(row_multiple);
  if (mode == Mode::inference) return requirements;
  requirements.workspace_per_sample =
      std::int64_t{2} * conv.in.c * c.input_gradient_blocks(1);  // the sums of a BatchNorm reduction
  requirements.workspace =
      larger(requirements.workspace, larger(aligned(c.packed_input_gradient()), c.weight_gradient_workspace()));
  requirements.scratch = larger(requirements.scratch, larger(c.input_gradient_scratch(), c.weight_gradient_scratch()));
  return requirements;
}

/// A value's stored elements and its deferred affine, if any.
template <class Isa, class Run>
TensorSource<Isa> source_of(const Run& run, int value) {
  return {run.data(value), run.dims(value), run.deferred(value)};
}

/// Packs the weights into the workspace, then passes y = conv(x) to `epilogue`.
template <class Convolution, class Run, class Epilogue>
void run_convolution(const Run& run, const Step& step, const Epilogue& epilogue) {
  using Isa = typename Convolution::Isa;
  const Layer& conv = run.layer(step, 0);
  const Convolution c = Convolution::of(conv);
  c.pack(run.parameter(conv, 0), run.workspace, run.backend->pool());
  c.forward(run.n, source_of<Isa>(run, step.x), run.workspace, epilogue, run.backend->pool(), run.scratch);
}

/// dx (+ add_dx), times the derivative of the activation and reduced for the BatchNorm that computed x, then the
/// gradients of that BatchNorm.
template <class Convolution, class Run>
void run_reducing_input_gradient(const Run& run, const Step& step, const Convolution& c,
                                 const TensorSource<typename Convolution::Isa>& gradient) {
  using Isa = typename Convolution::Isa;
  const Step& consumer = run.plan->steps[step.reduces_for];
  const Layer& norm = run.layer(consumer, 1);
  const ChannelStatistics k(run.statistics(consumer), norm.out.c);
  BatchNormReductionEpilogue<Isa> reduction;
  reduction.g = run.data(step.dx);
  reduction.dims = c.s.x;
  reduction.add = run.data(step.add_dx);
  reduction.v = run.data(step.x);
  reduction.scale = k.scale, reduction.shift = k.shift, reduction.mean = k.mean;
  reduction.sums = run.workspace + aligned(c.packed_input_gradient());
  reduction.activation = run.deferred(step.x).activation;
  reduction.past_caches = streams<Isa>(reduction.g, c.s.x, run.n, c.s.groups);
  c.input_gradient(run.n, gradient, run.workspace, reduction, run.backend->pool(), run.scratch);
  finalize_gradient(run, norm, k, reduction.sums, c.input_gradient_blocks(run.n), std::int64_t{2} * norm.out.c,
                    consumer.parameter_gradients);
}

/// dw (and db), then dx (+ add_dx), from dy (N,P,Q,O); db may be null.
template <class Convolution, class Run>
void run_convolution_gradients(const Run& run, const Step& step, const float* dy, float* db) {
  using Isa = typename Convolution::Isa;
  const Layer& conv = run.layer(step, 0);
  const Convolution c = Convolution::of(conv);
  const TensorSource<Isa> gradient{dy, conv.out, {}};
  if (step.parameter_gradients)
    c.weight_gradient(run.n, source_of<Isa>(run, step.x), gradient, run.gradient(conv, 0), db, run.backend->pool(),
                      run.scratch, run.workspace);
  if (step.dx < 0) return;
  c.pack_transposed(run.parameter(conv, 0), run.workspace, run.backend->pool());
  if (step.reduces_for >= 0) return run_reducing_input_gradient(run, step, c, gradient);
  StoreEpilogue<Isa> store;
  store.y = run.data(step.dx);
  store.dims = conv.in;
  store.add = run.data(step.add_dx);
  store.past_caches = streams<Isa>(store.y, conv.in, run.n, options_of<Conv2dOptions>(conv).groups);
  c.input_gradient(run.n, gradient, run.workspace, store, run.backend->pool(), run.scratch);
}

template <class Run>
const float* bias_of(const Run& run, const Layer& conv) {
  return options_of<Conv2dOptions>(conv).bias ? run.parameter(conv, 1) : nullptr;
}

/// y = conv(x) + bias. equals: reference::Conv2dOp.
template <class Convolution>
struct Conv {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv";
  static constexpr const Kind* pattern[] = {&conv2d};
  static constexpr bool accepts_deferred = true, reduces_for_batch_norm = true;
  static constexpr bool saves_input = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr MemoryRequirements requirements(const Match& m) {
    return convolution_requirements<Convolution>(m.first(), m.mode);
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    StoreEpilogue<Isa> store;
    store.y = run.data(step.y);
    store.dims = conv.out;
    store.bias = bias_of(run, conv);
    store.past_caches = streams<Isa>(store.y, conv.out, run.n, options_of<Conv2dOptions>(conv).groups);
    run_convolution<Convolution>(run, step, store);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    run_convolution_gradients<Convolution>(
        run, step, run.data(step.dy),
        options_of<Conv2dOptions>(conv).bias && step.parameter_gradients ? run.gradient(conv, 1) : nullptr);
  }
};

}  // namespace tinycnn::cpu
