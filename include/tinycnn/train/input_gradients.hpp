// InputGradients: how the loss changes with each pixel, for saliency maps and adversarial examples.
#pragma once

#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/plan_memory.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// d loss / d images of `Net` in eval mode (running statistics, no dropout), up to `BatchSize::capacity` samples of
/// `Input` at once; no gradient of a parameter is computed. After construction `gradients` takes no memory.
template <class Net, class Input, class BatchSize, class Loss, class Backend>
class InputGradients : NetworkCheck<Net, Input, Loss>, PlanCheck<Net, Input, Loss, Backend, InputGradient> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  using T = typename Backend::Scalar;

 public:
  static constexpr const Graph& graph = graph_of<Net, Input, Loss>;
  static constexpr const Plan& plan = plan_of<Net, Input, Loss, Backend, InputGradient>;
  static constexpr int capacity = BatchSize::capacity;

  explicit InputGradients(int threads = 1)
      : backend_(threads),
        memory_(plan_room(plan, capacity, threads)),
        parameters_(graph.trained_room),
        buffers_(graph.buffer_room) {}

  /// Reads a state_dict as PyTorch or Trainer::save wrote it.
  void load(const std::string& path) { load_state(path, state()); }
  [[nodiscard]] NetworkState<T> state() { return {&graph, Backend::order, parameters_.data(), buffers_.data()}; }

  /// n samples (N, C, H, W) and their labels to dx (N, C, H, W), the gradient of the mean loss; returns that loss.
  double gradients(const float* images, const int* labels, int n, float* dx) {
    check_batch(graph, capacity, labels, n);
    const typename Backend::Session session(backend_);
    Execution<Backend> run = execution_in(plan, backend_, capacity, memory_.data());
    run.n = n;
    run.parameters = parameters_.data();
    run.buffers = buffers_.data();
    run.labels = labels;
    put_input(run, images);
    run_forward(run, kernels_of<Backend, plan>);
    run_backward(run, kernels_of<Backend, plan>);
    const View<T> gradient = run.gradient_view(plan.input_gradient, plan.input);
    for (int i = 0; i < n; ++i)
      for (int c = 0; c < graph.input.c; ++c)
        for (int h = 0; h < graph.input.h; ++h)
          for (int w = 0; w < graph.input.w; ++w) *dx++ = float(gradient(i, c, h, w));
    double loss = 0;
    for (int i = 0; i < n; ++i) loss += double(run.data(graph.node_count)[i]);
    return loss / n;
  }

 private:
  Backend backend_;
  Buffer<T> memory_;
  Buffer<T> parameters_, buffers_;
};

}  // namespace tinycnn
