// Predictor: a trained network for inference, with BatchNorm folded into the weights and no memory for training.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/network_memory.hpp>
#include <tinycnn/train/partial_load.hpp>

namespace tinycnn {

/// Runs `Net` on up to `BatchSize::capacity` samples of shape `Input` at once. With the `DemandTag` ForwardPrefix<L>
/// the outputs are those of the first L layers, for example as features for a t-SNE. Predictions allocate no memory;
/// loading does.
template <class Net, class Input, class BatchSize, class Backend, class DemandTag = Prediction>
class Predictor : NetworkCheck<Net, Input, NoLoss>, PlanCheck<Net, Input, NoLoss, Backend, DemandTag> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  static_assert(DemandTag::demand.mode == Mode::inference && !DemandTag::demand.loss,
                "a Predictor is for inference: Prediction or ForwardPrefix");
  using T = typename Backend::Compute;
  using Stored = typename Backend::Stored;

 public:
  static constexpr Graph graph = graph_of<Net, Input, NoLoss>;
  static constexpr Plan plan = plan_of<Net, Input, NoLoss, Backend, DemandTag>;
  static constexpr int capacity = BatchSize::capacity;
  static constexpr Dims output = plan.values[plan.output].dims;
  /// The bytes of the activations, and of prepared weights and workspaces without the workers' scratch memory.
  static constexpr std::int64_t arena_bytes = plan.per_sample * capacity;
  static constexpr std::int64_t workspace_bytes = plan.room(capacity) - arena_bytes;

  [[gnu::cold]] explicit Predictor(int threads = 1) : memory_({&plan}, capacity, threads, 0) {}
  Predictor(const std::string& path, int threads) : Predictor(threads) { load(path); }

  /// Whether a prediction throws an Error, which names the sample, if an output is NaN or infinite. If false, such
  /// outputs are returned unchanged.
  bool check_finite = true;

  /// Reads a state_dict written by PyTorch or Trainer::save: a file, or its bytes. On any error throws an Error and
  /// changes nothing. Returns "converted from F16" or the like if the elements were not float32, else "".
  [[gnu::cold]] std::string load(const std::string& path) { return prepared(load_state(path, state())); }
  [[gnu::cold]] std::string load(std::span<const std::byte> bytes) { return prepared(load_state(bytes, state())); }
  /// The same for the tensors that fit; the report lists the others.
  [[gnu::cold]] LoadReport load(const std::string& path, Strict::No) { return prepared(load_fitting(path, state())); }
  [[gnu::cold]] LoadReport load(std::span<const std::byte> bytes, Strict::No) {
    return prepared(load_fitting(bytes, state()));
  }
  /// The parameters and buffers, to read and write. Call `prepare` after writing.
  [[nodiscard]] NetworkState<T> state() { return memory_.state(); }
  /// Prepares the weights for prediction. Call it after changing elements through `state()`; `load` calls it itself.
  void prepare() {
    const typename Backend::Session session(memory_.backend);
    Backend::execute(memory_.execution(plan, 0), kernels, PlanPart::prepare);
    prepared_ = true;
  }

  /// The outputs of n samples (N, C, H, W), as a view of the plan's memory in the backend's order; it is valid until
  /// the next call. The output for a sample depends neither on n nor on the sample's index in the batch.
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
  /// Copies the outputs of n samples to `outputs` (N, output.size()) in PyTorch's order.
  void predict(const float* images, int n, float* outputs) {
    if (outputs == nullptr) throw Error("predict was given no memory for the outputs (a null pointer)");
    const View<const Stored> y = predict(images, n);
    for (int i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < output.size(); ++k)
        outputs[i * output.size() + k] = float(y.sample(i)[offset_of(output, Backend::order, k)]);
  }
  /// The same for any number of samples, in batches of at most `capacity`.
  void predict_all(const float* images, std::int64_t count, float* outputs) {
    if (count < 0) throw Error({"predict_all was asked for ", count, " samples"});
    for (std::int64_t first = 0; first < count; first += capacity)
      predict(images == nullptr ? nullptr : images + first * graph.input.size(),
              int(count - first < capacity ? count - first : capacity),
              outputs == nullptr ? nullptr : outputs + first * output.size());
  }

 private:
  static constexpr const OpKernels<Backend>* kernels =
      kernels_of<Backend, plan_of<Net, Input, NoLoss, Backend, DemandTag>>;

  template <class Result>
  [[gnu::cold]] Result prepared(Result result) {
    prepare();
    return result;
  }

  NetworkMemory<Backend> memory_;
  bool prepared_ = false;
};

}  // namespace tinycnn
