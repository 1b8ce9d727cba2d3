// Finds where the elements of a training step stopped being finite, so that the error can name the layer.
#pragma once

#include <cstdint>
#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/core/text.hpp>
#include <tinycnn/plan/names.hpp>

namespace tinycnn {

/// Describes the first NaN or infinity of training step `number` in one sentence: in the images, in a parameter, in the
/// output of a layer, or in a gradient. Runs the forward pass again, step by step, which changes neither parameters nor
/// running statistics.
template <class Backend>
[[gnu::cold]] std::string describe_nonfinite(const Execution<Backend>& run, const OpKernels<Backend>* kernels,
                                             std::int64_t number) {
  const Graph& g = run.graph();
  const auto sentence = [number](std::initializer_list<Piece> what) {
    return joined({"step ", number, ": ", joined(what),
                   "; nothing was updated. Lower the learning rate or look at the images of this batch"});
  };
  const auto finite = [&run](const auto* elements, std::int64_t count) {
    return Backend::all_finite(*run.backend, elements, count);
  };
  if (!finite(run.data(run.plan->input), run.n * g.input.size()))
    return sentence({"the images hold a number that is not finite"});
  for (int k = 0; k < g.parameter_count; ++k) {
    const Parameter& p = g.parameters[k];
    if (!finite((p.buffer ? run.buffers : run.parameters) + p.offset, p.size()))
      return sentence({"parameter ", parameter_name(g, p), " is not finite"});
  }
  for (int k = 0; k < run.plan->forward_count; ++k) {
    const Step& s = run.plan->steps[k];
    Backend::execute_step(run, kernels, s);
    const bool is_loss = s.y == g.node_count && g.has_loss();
    if (!(is_loss ? finite(run.template data<typename Backend::Compute>(s.y), run.n)
                  : finite(run.data(s.y), run.n * run.dims(s.y).size())))
      return sentence({"the output of ", layer_name(g, s.layers[0]), s.layer_count > 1 ? " to " : "",
                       s.layer_count > 1 ? layer_name(g, s.layers[s.layer_count - 1]) : "", " is not finite"});
  }
  for (int k = g.parameter_count - 1; k >= 0; --k) {  // in the order of the backward pass
    const Parameter& p = g.parameters[k];
    if (!p.buffer && !finite(run.gradients + p.offset, p.size()))
      return sentence({"the gradient of ", parameter_name(g, p), " is not finite"});
  }
  return sentence({"the loss or the gradient norm is not finite"});
}

}  // namespace tinycnn
