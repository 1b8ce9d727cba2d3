// Predictor: a trained network for use inside another program: inference only, BatchNorm folded, no memory for
// training.
#pragma once

#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/plan_memory.hpp>
#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// Runs `Net` over up to `BatchSize::capacity` samples of `Input` at once. `Asked` may be ForwardPrefix<L> for the
/// values behind the first L layers instead of the last (features for a t-SNE, say). After construction a prediction
/// takes no memory; loading does.
template <class Net, class Input, class BatchSize, class Backend, class Asked = Prediction>
class Predictor : NetworkCheck<Net, Input, NoLoss>, PlanCheck<Net, Input, NoLoss, Backend, Asked> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  static_assert(Asked::demand.mode == Mode::inference && !Asked::demand.loss,
                "a Predictor is for inference: Prediction or ForwardPrefix");
  using T = typename Backend::Scalar;

 public:
  static constexpr const Graph& graph = graph_of<Net, Input, NoLoss>;
  static constexpr const Plan& plan = plan_of<Net, Input, NoLoss, Backend, Asked>;
  static constexpr int capacity = BatchSize::capacity;
  static constexpr Dims output = plan.values[plan.output].dims;
  /// Bytes of the plan's values, and of prepared weights and workspaces, the workers' scratch aside.
  static constexpr long arena_bytes = plan.per_sample * capacity * long(sizeof(T));
  static constexpr long workspace_bytes = plan.room(capacity) * long(sizeof(T)) - arena_bytes;

  [[gnu::cold]] explicit Predictor(int threads = 1)
      : backend_(threads),
        memory_(plan_room(plan, capacity, threads)),
        parameters_(graph.trained_room),
        buffers_(graph.buffer_room) {}
  Predictor(const std::string& path, int threads) : Predictor(threads) { load(path); }

  /// Reads a state_dict as PyTorch or Trainer::save wrote it.
  [[gnu::cold]] void load(const std::string& path) {
    load_state(path, state());
    prepare();
  }
  [[nodiscard]] NetworkState<T> state() { return {&graph, Backend::order, parameters_.data(), buffers_.data()}; }
  /// To be called after numbers were changed through `state()`; `load` does it.
  void prepare() {
    const typename Backend::Session session(backend_);
    run_prepare(execution(0), kernels_of<Backend, plan>);
    prepared_ = true;
  }

  /// n samples (N, C, H, W) to their outputs, left where the plan put them: a view in the backend's order, good until
  /// the next call. A sample's result depends neither on n nor on its place in the batch.
  View<const T> predict(const float* images, int n) {
    check_batch(graph, capacity, nullptr, n);
    if (!prepared_) throw Error("this Predictor has no weights yet: load a file, or fill state() and call prepare()");
    const typename Backend::Session session(backend_);
    const Execution<Backend> run = execution(n);
    put_input(run, images);
    run_forward(run, kernels_of<Backend, plan>);
    return run.view(plan.output);
  }
  /// The same, copied to `outputs` (N, output.size()) in PyTorch's order.
  void predict(const float* images, int n, float* outputs) {
    const View<const T> y = predict(images, n);
    for (int i = 0; i < n; ++i)
      for (long k = 0; k < output.size(); ++k)
        outputs[i * output.size() + k] = float(y.sample(i)[place(output, Backend::order, k)]);
  }
  /// The same for any number of samples, as many at once as fit.
  void predict_all(const float* images, long count, float* outputs) {
    for (long first = 0; first < count; first += capacity)
      predict(images + first * graph.input.size(), int(count - first < capacity ? count - first : capacity),
              outputs + first * output.size());
  }

 private:
  Execution<Backend> execution(int n) {
    Execution<Backend> run = execution_in(plan, backend_, capacity, memory_.data());
    run.n = n;
    run.parameters = parameters_.data();
    run.buffers = buffers_.data();
    return run;
  }

  Backend backend_;
  Buffer<T> memory_;
  Buffer<T> parameters_, buffers_;
  bool prepared_ = false;
};

}  // namespace tinycnn
