// Runs a user's own layer, which brings its forward and backward with it (layers/own_layer.hpp).
#pragma once

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/own_layer.hpp>

namespace tinycnn::reference {

inline constexpr int own_parameters_limit = 16;

struct OwnLayerRow {
  static constexpr std::string_view name = "own layer";
  static constexpr const Kind* pattern[] = {nullptr};  // any kind that carries kernels
  static constexpr bool saves_input = true;
  static constexpr bool saves_output = true;
  static constexpr bool fits(const Match& m) { return m.first().parameter_count <= own_parameters_limit; }
  static constexpr Needs needs(
      const Match& m) {  // a layer overwrites dx; where it must be added to, it goes here first
    return {.workspace_per_sample = m.mode == Mode::inference ? 0 : m.first().in.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    T* parameters[own_parameters_limit];
    OwnCall<T> call = called(run, step, parameters);
    call.out = run.template view<T>(step.y);
    if constexpr (sizeof(T) == sizeof(double))
      run.layer(step, 0).own->forward_double(call);
    else
      run.layer(step, 0).own->forward(call);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    T *parameters[own_parameters_limit], *gradients[own_parameters_limit];
    OwnCall<T> call = called(run, step, parameters);
    call.y = run.view(step.y);
    call.dy = run.gradient_view(step.dy, step.y);
    for (int p = 0; p < l.parameter_count; ++p)
      gradients[p] = step.parameter_gradients && !run.parameter_facts(l, p).buffer ? run.gradient(l, p) : nullptr;
    call.gradients = gradients;
    if (step.dx >= 0) {
      call.dx = run.gradient_view(step.dx, step.x);
      if (step.add_dx >= 0) call.dx.data = run.workspace;
    }
    if constexpr (sizeof(T) == sizeof(double))
      l.own->backward_double(call);
    else
      l.own->backward(call);
    if (step.dx >= 0 && step.add_dx >= 0) {
      T* to = run.data(step.dx);
      const T* held = run.data(step.add_dx);
      for (long i = 0; i < run.n * l.in.size(); ++i) to[i] = held[i] + call.dx.data[i];
    }
  }

 private:
  template <class Backend, class T = typename Backend::Compute>
  static OwnCall<T> called(const Execution<Backend>& run, const Step& step, T** parameters) {
    const Layer& l = run.layer(step, 0);
    for (int p = 0; p < l.parameter_count; ++p) parameters[p] = run.parameter(l, p);
    OwnCall<T> call;
    call.n = run.n;
    call.x = run.view(step.x);
    call.parameters = parameters;
    call.labels = run.labels;
    call.training = run.plan->demand.mode == Mode::training;
    return call;
  }
};

}  // namespace tinycnn::reference
