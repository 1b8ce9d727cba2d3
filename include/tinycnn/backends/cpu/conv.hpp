// Conv2d alone, and the calls every fused convolution row shares: packing, forward, both gradients.
#pragma once

#include <tinycnn/backends/cpu/batch_statistics.hpp>
#include <tinycnn/backends/cpu/convolution_algorithm.hpp>
#include <tinycnn/backends/cpu/convolution_finish_epilogue.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/whole_numbers.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn::cpu {

/// How `describe` says which way a row's convolution goes.
template <class Convolution>
constexpr std::string_view convolution_variant(const Layer& conv) {
  return Convolution::of(conv).variant();
}

/// Whether a row's convolution can be the match's first layer.
template <class Convolution>
constexpr bool takes_convolution(const Match& m) {
  return Convolution::takes(m.first());
}

/// The memory the three passes of a convolution need; `row_multiple` is its forward epilogue's.
template <class Convolution>
constexpr Needs convolution_needs(const Layer& conv, Mode mode, int row_multiple = 1) {
  const Convolution c = Convolution::of(conv);
  Needs needs;
  needs.workspace = aligned(c.packed_forward());
  needs.scratch = c.forward_scratch(row_multiple);
  if (mode == Mode::inference) return needs;
  needs.workspace_per_sample = 2L * conv.in.c * c.input_gradient_blocks(1);  // sums of a finished gradient
  needs.workspace = larger(needs.workspace, larger(aligned(c.packed_input_gradient()), c.weight_gradient_shared()));
  needs.scratch = larger(needs.scratch, larger(c.input_gradient_scratch(), c.weight_gradient_scratch()));
  return needs;
}

/// The stored x, with the normalisation and ReLU that may wait for it.
template <class Isa, class Run>
TensorSource<Isa> source_of(const Run& run, int value) {
  return {run.data(value), run.dims(value), run.pending(value)};
}

/// y = conv(x) handed to `epilogue`, with weights packed in the workspace.
template <class Convolution, class Run, class Epilogue>
void run_convolution(const Run& run, const Step& step, const Epilogue& epilogue) {
  using Isa = typename Convolution::Isa;
  const Layer& conv = run.layer(step, 0);
  const Convolution c = Convolution::of(conv);
  c.pack(run.parameter(conv, 0), run.workspace, run.backend->pool());
  c.forward(run.n, source_of<Isa>(run, step.x), run.workspace, epilogue, run.backend->pool(), run.scratch);
}

/// dx (+ add_dx) with the mask and the sums of the BatchNorm that made x, and that BatchNorm's gradients.
template <class Convolution, class Run>
void run_finishing_input_gradient(const Run& run, const Step& step, const Convolution& c,
                                  const TensorSource<typename Convolution::Isa>& gradient) {
  using Isa = typename Convolution::Isa;
  const Step& taker = run.plan->steps[step.finishes];
  const Layer& norm = run.layer(taker, 1);
  const ChannelNumbers k(run.statistics(taker), norm.out.c);
  FinishEpilogue<Isa> finish;
  finish.g = run.data(step.dx);
  finish.dims = c.s.x;
  finish.add = run.data(step.add_dx);
  finish.v = run.data(step.x);
  finish.scale = k.scale, finish.shift = k.shift, finish.mean = k.mean;
  finish.sums = run.workspace + aligned(c.packed_input_gradient());
  finish.past_caches = streams<Isa>(finish.g, c.s.x, run.n, c.s.groups);
  c.input_gradient(run.n, gradient, run.workspace, finish, run.backend->pool(), run.scratch);
  finish_gradient(run, norm, k, finish.sums, c.input_gradient_blocks(run.n), 2L * norm.out.c,
                  taker.parameter_gradients);
}

/// dw (and db), then dx (+ add_dx), from dy (N,P,Q,O).
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
  if (step.finishes >= 0) return run_finishing_input_gradient(run, step, c, gradient);
  StoreEpilogue<Isa> store;
  store.y = run.data(step.dx);
  store.dims = conv.in;
  store.add = run.data(step.add_dx);
  store.past_caches = streams<Isa>(store.y, conv.in, run.n, conv.options.groups);
  c.input_gradient(run.n, gradient, run.workspace, store, run.backend->pool(), run.scratch);
}

template <class Run>
const float* bias_of(const Run& run, const Layer& conv) {
  return conv.options.bias ? run.parameter(conv, 1) : nullptr;
}

/// y = conv(x) + bias. equals: reference::Conv2dRow.
template <class Convolution>
struct Conv {
  using Isa = typename Convolution::Isa;
  static constexpr std::string_view name = "Conv";
  static constexpr const Kind* pattern[] = {&conv2d};
  static constexpr bool absorbs = true, finishes = true;
  static constexpr bool saves_input = true;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr Needs needs(const Match& m) { return convolution_needs<Convolution>(m.first(), m.mode); }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    StoreEpilogue<Isa> store;
    store.y = run.data(step.y);
    store.dims = conv.out;
    store.bias = bias_of(run, conv);
    store.past_caches = streams<Isa>(store.y, conv.out, run.n, conv.options.groups);
    run_convolution<Convolution>(run, step, store);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& conv = run.layer(step, 0);
    run_convolution_gradients<Convolution>(
        run, step, run.data(step.dy), conv.options.bias && step.parameter_gradients ? run.gradient(conv, 1) : nullptr);
  }
};

}  // namespace tinycnn::cpu
