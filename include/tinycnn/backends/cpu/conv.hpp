// Conv2d alone, and the calls every fused convolution row shares: packing, forward, both gradients.
#pragma once

#include <tinycnn/backends/cpu/convolution_epilogues.hpp>
#include <tinycnn/backends/cpu/convolution_forward.hpp>
#include <tinycnn/backends/cpu/convolution_input_gradient.hpp>
#include <tinycnn/backends/cpu/convolution_weight_gradient.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn::cpu {

constexpr ConvolutionShape convolution_shape(const Layer& conv) {
  return {conv.in, conv.out, conv.options.window, conv.options.groups};
}

constexpr long larger(long a, long b) { return a > b ? a : b; }

/// The memory the three passes of a convolution need; `row_multiple` is its forward epilogue's.
template <class Isa>
constexpr Needs convolution_needs(const Layer& conv, Mode mode, int row_multiple = 1) {
  const ConvolutionShape s = convolution_shape(conv);
  Needs needs;
  needs.workspace = aligned(packed_forward_floats<Isa>(s));
  needs.scratch = forward_scratch_floats<Isa>(s, row_multiple);
  if (mode == Mode::inference) return needs;
  needs.workspace = larger(needs.workspace, larger(packed_input_gradient_floats<Isa>(s), weight_gradient_shared_floats<Isa>(s)));
  needs.scratch = larger(needs.scratch, larger(input_gradient_scratch_floats<Isa>(s), weight_gradient_scratch_floats<Isa>(s)));
  return needs;
}

/// The stored x, with the normalisation and ReLU that may wait for it.
template <class Isa, class Run>
TensorSource<Isa> source_of(const Run& run, int value) {
  const auto pending = run.pending(value);
  return {run.data(value), run.dims(value), {pending.scale, pending.shift, pending.relu}};
}

/// y = conv(x) handed to `epilogue`, with weights packed in the workspace.
template <class Isa, class Run, class Epilogue>
void run_convolution(const Run& run, const Step& step, const Epilogue& epilogue) {
  const Layer& conv = run.layer(step, 0);
  const ConvolutionShape s = convolution_shape(conv);
  pack_forward<Isa>(s, run.parameter(conv, 0), run.workspace, run.backend->pool());
  convolution_forward<Isa>(s, run.n, source_of<Isa>(run, step.x), run.workspace, epilogue, run.backend->pool(), run.scratch);
}

/// dw (and db), then dx (+ add_dx), from dy (N,P,Q,O).
template <class Isa, class Run>
void run_convolution_gradients(const Run& run, const Step& step, const float* dy, float* db) {
  const Layer& conv = run.layer(step, 0);
  const ConvolutionShape s = convolution_shape(conv);
  const TensorSource<Isa> gradient{dy, conv.out, {}};
  if (step.parameter_gradients)
    convolution_weight_gradient<Isa>(s, run.n, source_of<Isa>(run, step.x), gradient, run.gradient(conv, 0), db,
                                     run.backend->pool(), run.scratch, run.workspace);
  if (step.dx < 0) return;
  pack_input_gradient<Isa>(s, run.parameter(conv, 0), run.workspace, run.backend->pool());
  StoreEpilogue<Isa> store;
  store.y = run.data(step.dx);
  store.dims = conv.in;
  store.add = run.data(step.add_dx);
  store.past_caches = streams<Isa>(store.y, conv.in, run.n, s.groups);
  convolution_input_gradient<Isa>(s, run.n, gradient, run.workspace, store, run.backend->pool(), run.scratch);
}

template <class Run>
const float* bias_of(const Run& run, const Layer& conv) { return conv.options.bias ? run.parameter(conv, 1) : nullptr; }

/// y = conv(x) + bias. equals: reference::Conv2dRow.
template <class Isa>
struct Conv {
  static constexpr std::string_view name = "Conv";
  static constexpr const Kind* pattern[] = {&conv2d};
  static constexpr bool absorbs = true;
  static constexpr bool saves_input = true;
  static constexpr Needs needs(const Match& m) { return convolution_needs<Isa>(m.first(), m.mode); }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    StoreEpilogue<Isa> store;
    store.y = run.data(step.y);
    store.dims = conv.out;
    store.bias = bias_of(run, conv);
    store.past_caches = streams<Isa>(store.y, conv.out, run.n, conv.options.groups);
    run_convolution<Isa>(run, step, store);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    run_convolution_gradients<Isa>(run, step, run.data(step.dy), conv.options.bias && step.parameter_gradients ? run.gradient(conv, 1) : nullptr);
  }
};

}  // namespace tinycnn::cpu
