// Activations other than ReLU where they are not fused with another layer.
#pragma once

#include <tinycnn/backends/cpu/fused/row_passes.hpp>

namespace tinycnn::cpu {

/// y = f(x); dx = dy f'(x), or of y where the activation says so. equals: reference::ActivationOp.
template <class Isa, bool OfOutput>
struct ActivationAlone {
  static constexpr std::string_view name = "activation";
  static constexpr const Kind* pattern[] = {&any_activation};
  static constexpr bool saves_input = !OfOutput, saves_output = OfOutput;
  static constexpr bool fits(const Match& m) {
    return m.activation_in_rows() && m.first().activation->of_output == OfOutput;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    RowPasses<Isa, Execution<Backend>>::of(run).apply(run, run.activation_of(step), run.n * run.dims(step.y).size(),
                                                      run.data(step.x), run.data(step.y));
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    RowPasses<Isa, Execution<Backend>>::of(run).gradient(run, run.activation_of(step), run.n * run.dims(step.y).size(),
                                                         run.data(OfOutput ? step.y : step.x), run.data(step.dy),
                                                         run.data(step.add_dx), run.data(step.dx));
  }
};

}  // namespace tinycnn::cpu
