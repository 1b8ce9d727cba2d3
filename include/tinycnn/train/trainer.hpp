// Trainer: one network, one plan for training and one for evaluation, one step at a time. After construction it takes
// no memory.
#pragma once

#include <cmath>
#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/core/whole_numbers.hpp>
#include <tinycnn/layers/batch_norm.hpp>
#include <tinycnn/optim/sweep.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/checkpoint.hpp>
#include <tinycnn/train/clipping.hpp>
#include <tinycnn/train/find_nonfinite.hpp>
#include <tinycnn/train/plan_memory.hpp>

namespace tinycnn {

/// What a training step did.
struct StepResult {
  double loss = 0;       ///< mean over the batch
  int correct = 0;       ///< samples whose largest logit is their label's
  double grad_norm = 0;  ///< global L2 norm of all gradients, before clipping and weight decay
  double rate = 0;       ///< the learning rate used
};

/// What a forward pass in inference mode gave.
struct EvaluationResult {
  double loss_sum = 0;  ///< over the samples
  int correct = 0;
};

/// The position of the largest of `count` numbers, the first of equals.
inline int argmax(const float* numbers, int count) {
  int best = 0;
  for (int k = 1; k < count; ++k)
    if (numbers[k] > numbers[best]) best = k;
  return best;
}

/// How a Trainer is set up.
template <class Optimizer, class Schedule>
struct TrainerOptions {
  Optimizer optimizer{};
  Schedule schedule{};
  double clip_norm = 0;    ///< 0: no clipping
  std::uint64_t seed = 0;  ///< of the first values and of dropout
  int threads = 1;
};

/// Trains `Net` over samples of `Input`, `BatchSize::capacity` at most at once.
template <class Net, class Input, class BatchSize, class Loss, class Optimizer, class Schedule, class Backend>
class Trainer : NetworkCheck<Net, Input, Loss>, PlanCheck<Net, Input, Loss, Backend, TrainingStep> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  static_assert(Optimizer::slots >= 0 && Optimizer::slots <= 2, "an optimizer keeps at most two numbers a parameter");
  using T = typename Backend::Scalar;

 public:
  static constexpr const Graph& graph = graph_of<Net, Input, Loss>;
  static constexpr const Plan& plan = plan_of<Net, Input, Loss, Backend, TrainingStep>;
  static constexpr const Plan& validation_plan = plan_of<Net, Input, Loss, Backend, Validation>;
  static constexpr int capacity = BatchSize::capacity > 0 ? BatchSize::capacity : 1;
  static constexpr std::string_view backend_name = Backend::name;
  static constexpr long parameters = graph.trained;
  static constexpr long macs = graph.macs;
  static constexpr int classes = int(graph.dims(graph.logits_nodes()).size());
  /// Bytes of the training plan's values: activations, what backward needs of them, and their gradients.
  static constexpr long arena_bytes = plan.per_sample * capacity * long(sizeof(T));
  /// Bytes of its statistics and of what the kernels use within a step, the workers' scratch aside.
  static constexpr long workspace_bytes = plan.room(capacity) * long(sizeof(T)) - arena_bytes;

  using Options = TrainerOptions<Optimizer, Schedule>;

  [[gnu::cold]] explicit Trainer(const Options& options)
      : options_(options),
        backend_(options.threads),
        memory_(room(options.threads)),
        parameters_(graph.trained_room),
        gradients_(graph.trained_room),
        buffers_(graph.buffer_room),
        slots_(Optimizer::slots * graph.trained_room),
        partial_norms_(norm_blocks) {
    initialize(state(), options.seed);
  }

  /// The network's numbers, in PyTorch's names and order through `state().at` and the state_dict functions.
  [[nodiscard]] NetworkState<T> state() {
    prepared_ = false;  // the caller may write
    return {&graph, Backend::order, parameters_.data(), buffers_.data()};
  }
  void save(const std::string& path) { save_state(path, state()); }
  void load(const std::string& path) { load_state(path, state()); }

  /// Writes all that shapes the steps to come: parameters, buffers, the optimizer's numbers, the count of steps; and
  /// what the caller notes. All or nothing. After `load_checkpoint` a Trainer of the same type and options goes on with
  /// the same bits as if it had never stopped.
  [[gnu::cold]] void save_checkpoint(const std::string& path, Notes notes = {}) {
    notes.add("steps", steps_);
    write_checkpoint(path, everything(), notes);
  }
  /// Nothing is changed if the file is not right.
  [[gnu::cold]] void load_checkpoint(const std::string& path) {
    const long steps = read_notes(path).template number<long>("steps", path, 0, 1L << 62);
    read_checkpoint(path, everything());
    steps_ = steps;
  }

  /// Forward, loss, backward, clipping, update, on n samples (N, C, H, W) and their labels. If anything is not finite,
  /// nothing is updated and an Error names the step and the layer.
  StepResult step(const float* images, const int* labels, int n) {
    check_batch(graph, capacity, labels, n);
    check_statistics(n);
    prepared_ = false;
    typename Backend::Session session(backend_);
    Execution<Backend> run = execution(plan, labels, n);
    put_input(run, images);
    run_forward(run, kernels_of<Backend, plan>);
    run_backward(run, kernels_of<Backend, plan>);

    StepResult result;
    result.rate = options_.schedule.rate(steps_);
    result.loss = losses(run) / n;
    result.correct = correct(run);
    result.grad_norm = std::sqrt(squared_norm());
    if (!std::isfinite(result.loss) || !std::isfinite(result.grad_norm)) {
      put_input(run, images);
      throw Error(describe_nonfinite(run, kernels_of<Backend, plan>, steps_ + 1));
    }
    run_commit(run, kernels_of<Backend, plan>);
    update(result.rate, result.grad_norm);
    ++steps_;
    return result;
  }
  /// The same on what a Loader hands out: `images` (N, C, H, W), `labels` (N), `n`.
  template <class Minibatch>
  StepResult step(const Minibatch& batch) {
    return step(batch.images, batch.labels, batch.n);
  }

  /// Loss and hits of n samples in inference mode; their logits (N, classes) too where `logits` is given. Labels may be
  /// null, then only the logits mean anything.
  EvaluationResult evaluate(const float* images, const int* labels, int n, float* logits = nullptr) {
    static constexpr int no_labels[capacity] = {};
    check_batch(graph, capacity, labels, n);
    typename Backend::Session session(backend_);
    Execution<Backend> run = execution(validation_plan, labels == nullptr ? no_labels : labels, n);
    if (!prepared_) run_prepare(run, kernels_of<Backend, validation_plan>);
    prepared_ = true;
    put_input(run, images);
    run_forward(run, kernels_of<Backend, validation_plan>);
    const View<T> x = run.view(run.plan->output);
    for (int i = 0; logits != nullptr && i < n; ++i)
      for (int k = 0; k < classes; ++k) logits[long(i) * classes + k] = float(x(i, k));
    return {losses(run), correct(run)};
  }
  /// The same on what a Loader hands out: `images` (N, C, H, W), `labels` (N), `n`.
  template <class Minibatch>
  EvaluationResult evaluate(const Minibatch& batch) {
    return evaluate(batch.images, batch.labels, batch.n);
  }

  [[nodiscard]] long steps() const { return steps_; }
  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] const T* gradients() const { return gradients_.data(); }

  /// The training plan's memory as the last step left it; for tests and for looking inside.
  [[nodiscard]] Execution<Backend> execution(const Plan& p, const int* labels, int n) {
    Execution<Backend> run = execution_in(p, backend_, capacity, memory_.data());
    run.n = n;
    run.parameters = parameters_.data();
    run.buffers = buffers_.data();
    run.gradients = gradients_.data();
    run.labels = labels;
    run.seed = options_.seed;
    run.step = std::uint64_t(steps_);
    return run;
  }

 private:
  static constexpr long sweep_block = 1L << 15;  // a fixed block of work: results never depend on the threads
  static constexpr int norm_blocks = int((graph.trained_room + sweep_block - 1) / sweep_block);

  /// The optimizer's numbers lie as the parameters do.
  [[nodiscard]] std::vector<NamedState<T>> everything() {
    std::vector<NamedState<T>> all{{"", state()}};
    for (int k = 0; k < Optimizer::slots; ++k)
      all.push_back({joined({"optimizer.", k, "."}),
                     {&graph, Backend::order, slots_.data() + k * graph.trained_room, nullptr},
                     false});
    return all;
  }

  static long room(int threads) {
    return larger(plan_room(plan, capacity, threads), plan_room(validation_plan, capacity, threads));
  }

  /// Training statistics need more than one value a channel, as in PyTorch.
  static void check_statistics(int n) {
    if (n > 1) return;
    for (int i = 0; i < graph.layer_count; ++i)
      if (graph.layers[i].kind == &batch_norm && (graph.layers[i].in.flat || graph.layers[i].in.pixels() == 1))
        throw Error({"layer ", layer_name(graph, i),
                     " gets one value a channel from a batch of one sample: training needs more"});
  }

  [[nodiscard]] double losses(const Execution<Backend>& run) const {
    const T* loss = run.data(graph.node_count);  // (N)
    double sum = 0;
    for (int i = 0; i < run.n; ++i) sum += double(loss[i]);
    return sum;
  }

  [[nodiscard]] int correct(const Execution<Backend>& run) const {
    const View<T> x = run.view(run.plan->output);  // (N, classes)
    int hits = 0;
    for (int i = 0; i < run.n; ++i) {
      int best = 0;
      for (int k = 1; k < classes; ++k)
        if (x(i, k) > x(i, best)) best = k;
      hits += best == run.labels[i] ? 1 : 0;
    }
    return hits;
  }

  /// Sums in double within fixed blocks, the blocks in order.
  double squared_norm() {
    backend_.for_blocks(norm_blocks, [this](int block) {
      const long first = block * sweep_block, end = last(block);
      double lanes[8] = {};
      for (long i = first; i < end; i += 8)
        for (int k = 0; k < 8; ++k) lanes[k] += double(gradients_[i + k]) * double(gradients_[i + k]);
      double sum = 0;
      for (double lane : lanes) sum += lane;
      partial_norms_[block] = sum;
    });
    double sum = 0;
    for (int block = 0; block < norm_blocks; ++block) sum += partial_norms_[block];
    return sum;
  }

  static long last(int block) {
    const long end = (block + 1) * sweep_block;
    return end < graph.trained_room ? end : graph.trained_room;
  }

  /// Clipping and the optimizer in one sweep over all parameters.
  void update(double rate, double norm) {
    const T factor = T(clip_coefficient(options_.clip_norm, norm));
    const auto factors = options_.optimizer.template factors<T>(steps_ + 1, rate);
    T* slot0 = slots_.data();
    T* slot1 = Optimizer::slots > 1 ? slot0 + graph.trained_room : slot0;
    backend_.for_blocks(norm_blocks, [&](int block) {
      sweep<Optimizer, typename Backend::Register>(factors, factor, block * sweep_block, last(block),
                                                   parameters_.data(), gradients_.data(), slot0, slot1);
    });
  }

  Options options_;
  Backend backend_;
  Buffer<T> memory_;
  Buffer<T> parameters_, gradients_, buffers_, slots_;
  Buffer<double> partial_norms_;
  long steps_ = 0;
  bool prepared_ = false;  // the validation plan's weights are ready, and nothing has overwritten them
};

}  // namespace tinycnn
