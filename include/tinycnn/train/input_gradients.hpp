// InputGradients: the gradient of the loss with respect to the images, for saliency maps and adversarial examples.
#pragma once

#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/network_memory.hpp>

namespace tinycnn {

/// d loss / d images of `Net` in eval mode (running statistics, no dropout) for up to `BatchSize::capacity` samples of
/// shape `Input` at once. Gradients of parameters are not computed. `gradients` allocates no memory.
template <class Net, class Input, class BatchSize, class Loss, class Backend>
class InputGradients : NetworkCheck<Net, Input, Loss>, PlanCheck<Net, Input, Loss, Backend, InputGradient> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  using T = typename Backend::Compute;

 public:
  static constexpr Graph graph = graph_of<Net, Input, Loss>;
  static constexpr Plan plan = plan_of<Net, Input, Loss, Backend, InputGradient>;
  static constexpr int capacity = BatchSize::capacity;

  [[gnu::cold]] explicit InputGradients(int threads = 1) : memory_({&plan}, capacity, threads, 0) {}

  /// Reads a state_dict written by PyTorch or Trainer::save. On any error throws an Error and changes nothing.
  [[gnu::cold]] void load(const std::string& path) { load_state(path, state()); }
  /// The parameters and buffers, to read and write. After this call the weights count as set.
  [[nodiscard]] NetworkState<T> state() {
    has_weights_ = true;
    return memory_.state();
  }

  /// Computes dx (N, C, H, W), the gradient of the mean loss of n samples (N, C, H, W) with labels (N); returns that
  /// loss. Throws an Error if a gradient or the loss is not finite.
  double gradients(const float* images, const int* labels, int n, float* dx) {
    check_batch(graph, capacity, images, labels, n, true);
    if (dx == nullptr) throw Error("gradients was given no memory for dx (a null pointer)");
    if (!has_weights_) throw Error("these InputGradients have no weights yet: load a file, or fill state()");
    const typename Backend::Session session(memory_.backend);
    const Execution<Backend> run = memory_.execution(plan, n);
    Backend::begin(run, images, labels);
    Backend::execute(run, kernels, PlanPart::forward);
    Backend::execute(run, kernels, PlanPart::backward);
    const auto loss = Backend::template fetch<T>(run, graph.node_count);  // (N)
    check_finite_results(loss, n, "a loss that is");
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += double(loss(i, 0));
    auto gradient = Backend::template fetch<typename Backend::Stored>(run, plan.input_gradient);
    gradient.dims = graph.input;  // the shape may be a Flatten's, which shares the memory
    check_finite_results(gradient, n, "input gradients that are");
    for (int i = 0; i < n; ++i)
      for (int c = 0; c < graph.input.c; ++c)
        for (int h = 0; h < graph.input.h; ++h)
          for (int w = 0; w < graph.input.w; ++w) *dx++ = float(gradient(i, c, h, w));
    return sum / n;
  }

 private:
  static constexpr const OpKernels<Backend>* kernels =
      kernels_of<Backend, plan_of<Net, Input, Loss, Backend, InputGradient>>;

  NetworkMemory<Backend> memory_;
  bool has_weights_ = false;
};

}  // namespace tinycnn
