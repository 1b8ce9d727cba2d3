// One block of memory for the plans of one network that never run at the same time.
#pragma once

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/diagnostics.hpp>
#include <tinycnn/core/memory.hpp>

namespace tinycnn {

/// Floats a plan needs for a batch of `capacity`, the workers' scratch included.
constexpr long plan_room(const Plan& p, long capacity, int threads) {
  return p.room(capacity) + p.scratch_room(capacity) * threads;
}

/// Points an execution into `memory`: once | workspace | scratch | values.
template <class Backend>
Execution<Backend> execution_in(const Plan& plan, Backend& backend, long capacity, typename Backend::Scalar* memory) {
  Execution<Backend> run;
  run.plan = &plan;
  run.backend = &backend;
  run.capacity = capacity;
  run.once = memory;
  run.workspace = run.once + plan.once;
  run.scratch = run.workspace + plan.workspace + plan.workspace_per_sample * capacity;
  run.values = run.scratch + plan.scratch_room(capacity) * backend.threads();
  return run;
}

/// Refuses a batch that is empty or larger than the capacity, and labels that are no class. `labels` may be null.
[[gnu::cold]] inline void check_batch(const Graph& graph, int capacity, const int* labels, int n) {
  if (n < 1 || n > capacity) throw Error({"a batch of ", n, " samples was given, this network takes 1 to ", capacity});
  const int classes = int(graph.dims(graph.logits_nodes()).size());
  for (int i = 0; labels != nullptr && i < n; ++i)
    if (labels[i] < 0 || labels[i] >= classes)
      throw Error(
          {"label ", labels[i], " of sample ", i, " is not one of the ", classes, " classes 0 to ", classes - 1});
}

/// Copies n samples in PyTorch's order (N, C, H, W) into the plan's input.
template <class Backend>
void put_input(const Execution<Backend>& run, const float* images) {
  const auto x = run.view(run.plan->input);
  const Dims& d = x.dims;
  run.backend->for_blocks(run.n, [&](int n) {
    const float* image = images + n * d.size();  // (C, H, W)
    for (int c = 0; c < d.c; ++c)
      for (long p = 0; p < d.pixels(); ++p) {
        const long to = run.order == Order::chw ? c * d.pixels() + p : p * d.c + c;
        x.sample(n)[to] = typename Backend::Scalar(image[c * d.pixels() + p]);
      }
  });
}

}  // namespace tinycnn
