// Predictor: a trained network for use inside another program: inference only, BatchNorm folded, no memory for
// training.
#pragma once

#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/network_memory.hpp>

namespace tinycnn {

/// Runs `Net` over up to `BatchSize::capacity` samples of `Input` at once. `Asked` may be ForwardPrefix<L> for the
/// values behind the first L layers instead of the last (features for a t-SNE, say). After construction a prediction
/// takes no memory; loading does.
template <class Net, class Input, class BatchSize, class Backend, class Asked = Prediction>
class Predictor : NetworkCheck<Net, Input, NoLoss>, PlanCheck<Net, Input, NoLoss, Backend, Asked> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  static_assert(Asked::demand.mode == Mode::inference && !Asked::demand.loss,
                "a Predictor is for inference: Prediction or ForwardPrefix");
  using T = typename Backend::Compute;
  using Stored = typename Backend::Stored;

 public:
  static constexpr Graph graph = graph_of<Net, Input, NoLoss>;
  static constexpr Plan plan = plan_of<Net, Input, NoLoss, Backend, Asked>;
  static constexpr int capacity = BatchSize::capacity;
  static constexpr Dims output = plan.values[plan.output].dims;
  /// Bytes of the plan's values, and of prepared weights and workspaces, the workers' scratch aside.
  static constexpr long arena_bytes = plan.per_sample * capacity;
  static constexpr long workspace_bytes = plan.room(capacity) - arena_bytes;

  [[gnu::cold]] explicit Predictor(int threads = 1) : memory_({&plan}, capacity, threads, false) {}
  Predictor(const std::string& path, int threads) : Predictor(threads) { load(path); }

  /// Whether an output that is NaN or infinite is an Error, which names the sample. Otherwise it is handed out as it
  /// is.
  bool check_finite = true;

  /// Reads a state_dict as PyTorch or Trainer::save wrote it.
  [[gnu::cold]] void load(const std::string& path) {
    load_state(path, state());
    prepare();
  }
  [[nodiscard]] NetworkState<T> state() { return memory_.state(); }
  /// To be called after numbers were changed through `state()`; `load` does it.
  void prepare() {
    const typename Backend::Session session(memory_.backend);
    Backend::execute(memory_.execution(plan, 0), kernels, PlanPart::prepare);
    prepared_ = true;
  }

  /// n samples (N, C, H, W) to their outputs, left where the plan put them: a view in the backend's order, good until
  /// the next call. A sample's result depends neither on n nor on its place in the batch.
  View<const Stored> predict(const float* images, int n) {
    check_batch(graph, capacity, images, nullptr, n, false);
    if (!prepared_) throw Error("this Predictor has no weights yet: load a file, or fill state() and call prepare()");
    const typename Backend::Session session(memory_.backend);
    const Execution<Backend> run = memory_.execution(plan, n);
    Backend::begin(run, images, nullptr);
    Backend::execute(run, kernels, PlanPart::forward);
    const View<const Stored> y = Backend::template fetch<Stored>(run, plan.output);
    if (check_finite) check_finite_results(y, n, "outputs that are");
    return y;
  }
  /// The same, copied to `outputs` (N, output.size()) in PyTorch's order.
  void predict(const float* images, int n, float* outputs) {
    if (outputs == nullptr) throw Error("predict was given no memory for the outputs (a null pointer)");
    const View<const Stored> y = predict(images, n);
    for (int i = 0; i < n; ++i)
      for (long k = 0; k < output.size(); ++k)
        outputs[i * output.size() + k] = float(y.sample(i)[offset_of(output, Backend::order, k)]);
  }
  /// The same for any number of samples, as many at once as fit.
  void predict_all(const float* images, long count, float* outputs) {
    if (count < 0) throw Error({"predict_all was asked for ", count, " samples"});
    for (long first = 0; first < count; first += capacity)
      predict(images == nullptr ? nullptr : images + first * graph.input.size(),
              int(count - first < capacity ? count - first : capacity),
              outputs == nullptr ? nullptr : outputs + first * output.size());
  }

 private:
  static constexpr const OpKernels<Backend>* kernels = kernels_of<Backend, plan_of<Net, Input, NoLoss, Backend, Asked>>;

  NetworkMemory<Backend> memory_;
  bool prepared_ = false;
};

}  // namespace tinycnn
