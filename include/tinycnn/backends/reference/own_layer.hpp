// Runs a user's own layer, which provides its forward and backward functions (layers/own_layer.hpp).
#pragma once

#include <cstdint>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/own_layer.hpp>

namespace tinycnn::reference {

inline constexpr int own_parameters_limit = 16;

struct OwnLayerOp {
  static constexpr std::string_view name = "own layer";
  static constexpr const Kind* pattern[] = {nullptr};  // any kind that has functions of its own
  static constexpr bool saves_input = true;
  static constexpr bool saves_output = true;
  static constexpr bool fits(const Match& m) { return m.first().parameter_count <= own_parameters_limit; }
  /// The layer overwrites dx. Where dx must be added to another contribution, it goes to the workspace first.
  static constexpr MemoryRequirements requirements(const Match& m) {
    return {.workspace_per_sample = m.mode == Mode::inference ? 0 : m.first().in.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    ParameterView<const T> parameters[own_parameters_limit];
    OwnCall<T> call = make_call(run, step, parameters);
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
    ParameterView<const T> parameters[own_parameters_limit];
    ParameterView<T> gradients[own_parameters_limit];
    OwnCall<T> call = make_call(run, step, parameters);
    call.y = run.view(step.y);
    call.dy = run.gradient_view(step.dy, step.y);
    for (int p = 0; p < l.parameter_count; ++p) {
      const bool wanted = step.parameter_gradients && !run.parameter_facts(l, p).buffer;
      gradients[p] = view_parameter(run, l, p, wanted ? run.gradient(l, p) : nullptr);
    }
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
      const T* add = run.data(step.add_dx);
      for (std::int64_t i = 0; i < run.n * l.in.size(); ++i) to[i] = add[i] + call.dx.data[i];
    }
  }

 private:
  /// A view of parameter p of a layer in the backend's memory, or of its gradient, which has the same layout.
  template <class T, class Backend>
  static ParameterView<T> view_parameter(const Execution<Backend>& run, const Layer& l, int p, T* data) {
    const Parameter& facts = run.parameter_facts(l, p);
    const auto stride = [&](std::int64_t torch_stride) { return parameter_offset(run.order, l, facts, torch_stride); };
    ParameterView<T> v{data, facts.rank};
    std::int64_t torch_stride = 1;  // of the axis, in PyTorch's order
    for (int a = 3; a >= 0; --a) {
      v.extents[a] = facts.extents[a];
      if (v.extents[a] > 1) v.strides[a] = stride(torch_stride);
      torch_stride *= v.extents[a];
    }
    if (const Dims image = features_of(l, facts); image.pixels() > 1) {
      v.pixels = int(image.pixels());
      v.pixel_stride = stride(1);
      v.strides[v.rank - 1] = image.c > 1 ? stride(v.pixels) : 0;
    }
    return v;
  }

  template <class Backend, class T = typename Backend::Compute>
  static OwnCall<T> make_call(const Execution<Backend>& run, const Step& step, ParameterView<const T>* parameters) {
    const Layer& l = run.layer(step, 0);
    for (int p = 0; p < l.parameter_count; ++p) parameters[p] = view_parameter<const T>(run, l, p, run.parameter(l, p));
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
