// A network's memory on a backend: parameters, and one block for those of its plans that never run at the same time.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/error.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// Bytes a plan needs for a batch of `capacity`, the workers' scratch included.
constexpr long plan_bytes(const Plan& p, long capacity, int threads) {
  return p.room(capacity) + p.scratch_room(capacity) * threads;
}

/// The backend, and what a Trainer, a Predictor or InputGradients keep on it. All memory is taken at construction.
template <class Backend>
class NetworkMemory {
  template <class Element>
  using Memory = typename Backend::template Memory<Element>;

 public:
  using T = typename Backend::Compute;

  /// Room for any of `plans`, one at a time; the first tells the graph. `with_gradients`: of the parameters, too.
  [[gnu::cold]] NetworkMemory(std::initializer_list<const Plan*> plans, int capacity, int threads, bool with_gradients)
      : backend(threads),
        parameters(backend, graph_of_first(plans).trained_room),
        gradients(backend, with_gradients ? graph_of_first(plans).trained_room : 0),
        buffers(backend, graph_of_first(plans).buffer_room),
        labels_(backend, capacity),
        block_(backend, most_bytes(plans, capacity, threads)),
        graph_(&graph_of_first(plans)),
        capacity_(capacity) {}

  Backend backend;
  Memory<T> parameters, gradients, buffers;

  /// One run of `plan` over n samples, with pointers into this memory: persistent | workspace | scratch | values.
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
  /// The memory of the plans, for tests that look at it.
  [[nodiscard]] Memory<std::byte>& block() { return block_; }

  /// The network's elements, to read and write.
  [[nodiscard]] NetworkState<T> state() { return {graph_, Backend::order, parameters.host(), buffers.host()}; }
  /// The same, to read.
  [[nodiscard]] NetworkState<const T> state() const {
    return {graph_, Backend::order, parameters.read(), buffers.read()};
  }

 private:
  static const Graph& graph_of_first(std::initializer_list<const Plan*> plans) { return *(*plans.begin())->graph; }
  static long most_bytes(std::initializer_list<const Plan*> plans, int capacity, int threads) {
    long most = 0;
    for (const Plan* plan : plans) {
      const long bytes = plan_bytes(*plan, capacity, threads);
      most = bytes > most ? bytes : most;
    }
    return most;
  }

  Memory<int> labels_;  // (N)
  Memory<std::byte> block_;
  const Graph* graph_;
  int capacity_;
};

/// Refuses a batch that is empty, larger than the capacity or not there, and labels that are no class. `labels` may be
/// null where `wants_labels` is false.
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

/// Refuses results y of n samples that are not finite; `what` says what they are ("logits that are").
template <class T>
[[gnu::cold]] void check_finite_results(const View<const T>& y, int n, const char* what) {
  for (int i = 0; i < n; ++i)
    for (long k = 0; k < y.dims.size(); ++k)
      if (!std::isfinite(double(y.sample(i)[k])))
        throw Error({"sample ", i, " of the batch gives ", what,
                     " not finite: its image or the weights hold NaN, infinity or too large a number"});
}

}  // namespace tinycnn
