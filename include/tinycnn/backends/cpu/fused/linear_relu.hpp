// Linear, alone or followed by an activation.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/fused/row_passes.hpp>
#include <tinycnn/backends/cpu/linear/passes.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/linear.hpp>

namespace tinycnn::cpu {

/// y = x W + b, followed by an activation if the step has a second layer. Then backward first multiplies dy by its
/// derivative, into the workspace; x W + b is saved if that is no function of y.
/// equals: reference::LinearOp (and ReluOp or ActivationOp).
template <class Isa>
struct LinearBase {
  static constexpr bool saves_input = true;

  static constexpr MemoryRequirements requirements(const Match& m) {
    // The kernels round the batch up to whole panels: the memory of one panel of samples, plus that of each further
    // sample.
    const LinearShape one_panel{int(m.first().in.size()), int(m.first().out.size()), NR<Isa>};
    const LinearShape two_panels{one_panel.in, one_panel.out, 2 * NR<Isa>};
    MemoryRequirements requirements;
    requirements.scratch = linear_scratch_floats<Isa>({one_panel.in, one_panel.out, linear_tiling::samples});
    requirements.scratch_per_sample = linear_tiling::inputs + linear_tiling::pad + 16;
    if (m.mode == Mode::inference) {
      requirements.prepared = linear_packed_floats<Isa>(one_panel);
      return requirements;
    }
    requirements.workspace = aligned(linear_workspace_floats<Isa>(one_panel));
    requirements.workspace_per_sample =
        aligned((linear_workspace_floats<Isa>(two_panels) - linear_workspace_floats<Isa>(one_panel)) / NR<Isa>) +
        aligned(one_panel.out);
    if (m.activation_in_rows() && !m.last().activation->of_output) requirements.saved = one_panel.out;
    return requirements;
  }

  template <class Backend>
  static void prepare(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    linear_pack<Isa>(shape(run, l), run.parameter(l, 0), run.prepared(step), run.backend->pool());
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const auto activation = run.activation_of(step);
    float *y = run.data(step.y), *sums = step.saved >= 0 ? run.data(step.saved) : y;
    linear_forward<Isa>(shape(run, l), run.n, run.data(step.x), run.parameter(l, 0), run.prepared(step),
                        options_of<LinearOptions>(l).bias ? run.parameter(l, 1) : nullptr, activation.relu, sums,
                        run.backend->pool(), run.scratch);
    if (activation.in_rows())
      RowPasses<Isa, Execution<Backend>>::of(run).apply(run, activation, run.n * l.out.size(), sums, y);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const LinearShape s = shape(run, l);
    const float* dy = run.data(step.dy);
    float* workspace = run.workspace;
    if (const auto activation = run.activation_of(step); !activation.none()) {
      const float* y = run.data(step.saved >= 0 ? step.saved : step.y);
      if (activation.relu)
        for (std::int64_t i = 0; i < std::int64_t(run.n) * s.out; ++i) run.workspace[i] = y[i] > 0.0f ? dy[i] : 0.0f;
      else
        RowPasses<Isa, Execution<Backend>>::of(run).gradient(run, activation, std::int64_t(run.n) * s.out, y, dy,
                                                             nullptr, run.workspace);
      dy = run.workspace;
      workspace += aligned(std::int64_t(run.n) * s.out);
    }
    if (step.parameter_gradients)
      linear_weight_gradient<Isa>(s, run.n, run.data(step.x), dy, run.gradient(l, 0),
                                  options_of<LinearOptions>(l).bias ? run.gradient(l, 1) : nullptr, run.backend->pool(),
                                  run.scratch, workspace);
    if (step.dx >= 0)
      linear_input_gradient<Isa>(s, run.n, dy, run.parameter(l, 0), run.data(step.add_dx), run.data(step.dx),
                                 run.backend->pool(), run.scratch, workspace);
  }

 private:
  template <class Backend>
  static LinearShape shape(const Execution<Backend>& run, const Layer& l) {
    return {int(l.in.size()), int(l.out.size()), int(run.capacity)};
  }
};

template <class Isa>
struct LinearRelu : LinearBase<Isa> {
  static constexpr bool saves_output = true;
  static constexpr std::string_view name = "Linear+activation";
  static constexpr const Kind* pattern[] = {&tinycnn::linear, &any_activation};
};

template <class Isa>
struct LinearAlone : LinearBase<Isa> {
  static constexpr std::string_view name = "Linear";
  static constexpr const Kind* pattern[] = {&tinycnn::linear};
};

}  // namespace tinycnn::cpu
