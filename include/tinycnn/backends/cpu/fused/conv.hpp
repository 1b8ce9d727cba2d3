// Conv2d alone, and the calls every fused convolution op shares: packing, forward, both gradients.
#pragma once

#include <tinycnn/backends/cpu/conv/algorithm.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/batch_norm_reduction.hpp>
#include <tinycnn/backends/cpu/layers/batch_norm_statistics.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/integer_math.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn::cpu {

/// The convolution's algorithm, as `describe` prints it.
template <class Convolution>
constexpr std::string_view convolution_variant(const Layer& conv) {
  return Convolution::of(conv).variant();
}

/// Whether an op's convolution can be the match's first layer.
template <class Convolution>
constexpr bool takes_convolution(const Match& m) {
  return Convolution::takes(m.first());
}

/// The memory the three passes of a convolution need; `row_multiple` is its forward epilogue's.
template <class Convolution>
constexpr MemoryRequirements convolution_requirements(const Layer& conv, Mode mode, int row_multiple = 1) {
  const Convolution c = Convolution::of(conv);
  MemoryRequirements requirements;
  requirements.workspace = aligned(c.packed_forward());
  requirements.scratch = c.forward_scratch(row_multiple);
  if (mode == Mode::inference) return requirements;
  requirements.workspace_per_sample =
      2L * conv.in.c * c.input_gradient_blocks(1);  // sums of a gradient reduced for BatchNorm
  requirements.workspace =
      larger(requirements.workspace, larger(aligned(c.packed_input_gradient()), c.weight_gradient_shared()));
  requirements.scratch = larger(requirements.scratch, larger(c.input_gradient_scratch(), c.weight_gradient_scratch()));
  return requirements;
}

/// The stored x, with its deferred normalisation and ReLU, if any.
template <class Isa, class Run>
TensorSource<Isa> source_of(const Run& run, int value) {
  return {run.data(value), run.dims(value), run.deferred(value)};
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
  reduction.past_caches = streams<Isa>(reduction.g, c.s.x, run.n, c.s.groups);
  c.input_gradient(run.n, gradient, run.workspace, reduction, run.backend->pool(), run.scratch);
  finalize_gradient(run, norm, k, reduction.sums, c.input_gradient_blocks(run.n), 2L * norm.out.c,
                    consumer.parameter_gradients);
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
  if (step.reduces_for >= 0) return run_reducing_input_gradient(run, step, c, gradient);
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
