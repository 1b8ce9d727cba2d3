// A network's memory on a backend: parameters, gradients, buffers, and one block that its plans share.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/error.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// The bytes that a plan needs for a batch of `capacity` samples, including the workers' scratch memory.
constexpr std::int64_t plan_bytes(const Plan& p, std::int64_t capacity, int threads) {
  return p.room(capacity) + p.scratch_room(capacity) * threads;
}

/// The backend and the memory of a Trainer, a Predictor or InputGradients. All memory is allocated at construction.
template <class Backend>
class NetworkMemory {
  template <class Element>
  using Memory = typename Backend::template Memory<Element>;

 public:
  using T = typename Backend::Compute;

  /// Allocates enough memory to run any one of `plans`, which must have the same graph, at a time.
  /// `gradient_arrays`: 0, or 1 for the gradients of the parameters, or 2 for another array of their size behind them.
  /// With gradients there is also room behind the buffers for a copy of them.
  [[gnu::cold]] NetworkMemory(std::initializer_list<const Plan*> plans, int capacity, int threads, int gradient_arrays)
      : backend(threads),
        parameters(backend, graph_of_first(plans).trained_storage),
        gradients(backend, gradient_arrays * graph_of_first(plans).trained_storage),
        buffers(backend, (gradient_arrays > 0 ? 2 : 1) * graph_of_first(plans).buffer_storage),
        labels_(backend, capacity),
        block_(backend, max_bytes(plans, capacity, threads)),
        graph_(&graph_of_first(plans)),
        capacity_(capacity) {}

  Backend backend;
  Memory<T> parameters, gradients, buffers;

  /// An execution of `plan` for n samples, with pointers into this memory: persistent | workspace | scratch | values.
  [[nodiscard]] Execution<Backend> execution(const Plan& plan, int n) {
    Execution<Backend> run;
    run.plan = &plan;
    run.backend = &backend;
    run.n = n;
    run.capacity = capacity_;
    run.persistent = block_.data();
    std::byte* workspace = run.persistent + plan.persistent;
    std::byte* scratch = workspace + plan.workspace + plan.workspace_per_sample * capacity_;
    run.workspace = reinterpret_cast<T*>(workspace);
    run.scratch = reinterpret_cast<T*>(scratch);
    run.values = scratch + plan.scratch_room(capacity_) * backend.threads();
    run.parameters = parameters.data();
    run.buffers = buffers.data();
    run.gradients = gradients.data();
    run.labels = labels_.data();
    return run;
  }
  /// The memory block of the plans, for tests.
  [[nodiscard]] Memory<std::byte>& block() { return block_; }

  /// The parameters and buffers, to read and write.
  [[nodiscard]] NetworkState<T> state() { return {graph_, Backend::order, parameters.host(), buffers.host()}; }
  /// The parameters and buffers, read-only.
  [[nodiscard]] NetworkState<const T> state() const {
    return {graph_, Backend::order, parameters.read(), buffers.read()};
  }

 private:
  static const Graph& graph_of_first(std::initializer_list<const Plan*> plans) { return *(*plans.begin())->graph; }
  static std::int64_t max_bytes(std::initializer_list<const Plan*> plans, int capacity, int threads) {
    std::int64_t max = 0;
    for (const Plan* plan : plans) {
      const std::int64_t bytes = plan_bytes(*plan, capacity, threads);
      max = bytes > max ? bytes : max;
    }
    return max;
  }

  Memory<int> labels_;  // (N)
  Memory<std::byte> block_;
  const Graph* graph_;
  int capacity_;
};

/// Throws an Error if a batch is empty or larger than the capacity, if a pointer is null, or if a label is not a class.
/// `labels` may be null if `wants_labels` is false.
[[gnu::cold]] inline void check_batch(const Graph& graph, int capacity, const float* images, const int* labels, int n,
                                      bool wants_labels) {
  if (n < 1 || n > capacity) throw Error({"a batch of ", n, " samples was given, this network takes 1 to ", capacity});
  if (images == nullptr) throw Error({"a batch of ", n, " samples was given without its images (a null pointer)"});
  if (wants_labels && labels == nullptr)
    throw Error({"a batch of ", n, " samples was given without its labels (a null pointer)"});
  const int classes = int(graph.dims(graph.logits_nodes()).size());
  for (int i = 0; labels != nullptr && i < n; ++i)
    if (labels[i] < 0 || labels[i] >= classes)
      throw Error(
          {"label ", labels[i], " of sample ", i, " is not one of the ", classes, " classes 0 to ", classes - 1});
}

/// Throws an Error that names the sample if a result in y is not finite; `what` describes results ("logits that are").
template <class T>
[[gnu::cold]] void check_finite_results(const View<const T>& y, int n, const char* what) {
  for (int i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < y.dims.size(); ++k)
      if (!std::isfinite(double(y.sample(i)[k])))
        throw Error({"sample ", i, " of the batch gives ", what,
                     " not finite: its image or the weights hold NaN, infinity or too large a number"});
}

}  // namespace tinycnn
