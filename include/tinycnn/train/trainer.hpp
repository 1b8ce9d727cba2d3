// Trainer: a network with its optimizer and schedule, a plan for training steps and one for evaluation.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/layers/batch_norm.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/checkpoint.hpp>
#include <tinycnn/train/clipping.hpp>
#include <tinycnn/train/find_nonfinite.hpp>
#include <tinycnn/train/network_memory.hpp>
#include <tinycnn/train/partial_load.hpp>

namespace tinycnn {

/// The result of a training step.
struct StepResult {
  double loss = 0;       ///< mean over the batch
  int correct = 0;       ///< the number of samples whose label is the argmax of their logits
  double grad_norm = 0;  ///< the L2 norm of all gradients together, before clipping and weight decay
  double rate = 0;       ///< the learning rate used
};

/// The result of an evaluation.
struct EvaluationResult {
  double loss_sum = 0;  ///< the sum of the samples' losses
  int correct = 0;      ///< the number of samples whose label is the argmax of their logits
};

/// The index of the largest of `count` values; the first index if there are several.
inline int argmax(const float* values, int count) {
  int best = 0;
  for (int k = 1; k < count; ++k)
    if (values[k] > values[best]) best = k;
  return best;
}

/// The options of a Trainer.
template <class Optimizer, class Schedule>
struct TrainerOptions {
  Optimizer optimizer{};
  Schedule schedule{};
  double clip_norm = 0;    ///< 0: no clipping
  std::uint64_t seed = 0;  ///< for the initial values and for dropout
  int threads = 1;
};

/// Trains `Net` on batches of up to `BatchSize::capacity` samples of shape `Input`. All memory for training, evaluation
/// and prediction is allocated at construction; only loading and saving files allocate more.
template <class Net, class Input, class BatchSize, class Loss, class Optimizer, class Schedule, class Backend>
class Trainer : NetworkCheck<Net, Input, Loss>, PlanCheck<Net, Input, Loss, Backend, TrainingStep, Validation> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  static_assert(Optimizer::slots >= 0 && Optimizer::slots <= 2,
                "an optimizer may keep at most two slots per parameter");
  using T = typename Backend::Compute;

 public:
  static constexpr Graph graph = graph_of<Net, Input, Loss>;
  static constexpr Plan plan = plan_of<Net, Input, Loss, Backend, TrainingStep>;
  static constexpr Plan validation_plan = plan_of<Net, Input, Loss, Backend, Validation>;
  static constexpr int capacity = BatchSize::capacity > 0 ? BatchSize::capacity : 1;
  static constexpr std::string_view backend_name = Backend::name;
  static constexpr std::int64_t parameters = graph.trained;
  static constexpr std::int64_t macs = graph.macs;
  static constexpr int classes = int(graph.dims(graph.logits_nodes()).size());
  /// The bytes of the training plan's values: activations, values saved for backward, and gradients of activations.
  static constexpr std::int64_t arena_bytes = plan.per_sample * capacity;
  /// The bytes of the training plan's statistics and workspaces, without the workers' scratch memory.
  static constexpr std::int64_t workspace_bytes = plan.room(capacity) - arena_bytes;

  using Options = TrainerOptions<Optimizer, Schedule>;

  [[gnu::cold]] explicit Trainer(const Options& options)
      : options_(checked(options)),
        memory_({&plan, &validation_plan}, capacity, options.threads, true),
        slots_(memory_.backend, Optimizer::slots * graph.trained_storage),
        partial_norms_(memory_.backend, Backend::norm_partials(graph.trained_storage)) {
    initialize(memory_.state(), options.seed);
  }

  /// The parameters and buffers, to read and write.
  [[nodiscard]] NetworkState<T> state() {
    prepared_ = false;  // the caller may change the weights
    return memory_.state();
  }
  /// The parameters and buffers, read-only.
  [[nodiscard]] NetworkState<const T> state() const { return memory_.state(); }
  /// Writes the state_dict as a safetensors file, atomically.
  [[gnu::cold]] void save(const std::string& path) const { save_state(path, state()); }
  /// The bytes of the file that `save` writes.
  [[gnu::cold]] [[nodiscard]] std::vector<std::byte> save_to_memory() const { return bytes_of_state(state()); }
  /// Reads a state_dict written by PyTorch or `save`: a file, or its bytes. On any error throws an Error and changes
  /// nothing. Returns "converted from F16" or the like if the elements were not float32, else "".
  [[gnu::cold]] std::string load(const std::string& path) { return load_state(path, state()); }
  [[gnu::cold]] std::string load(std::span<const std::byte> bytes) { return load_state(bytes, state()); }
  /// The same for the tensors that fit, such as all but those of a new head; the report lists the others.
  [[gnu::cold]] LoadReport load(const std::string& path, Strict::No) { return load_fitting(path, state()); }
  [[gnu::cold]] LoadReport load(std::span<const std::byte> bytes, Strict::No) { return load_fitting(bytes, state()); }

  /// Writes the complete training state, atomically: parameters, buffers, optimizer state, the number of steps, and the
  /// caller's notes. A Trainer of the same type with the same options continues after `load_checkpoint` with bitwise
  /// the same results as an uninterrupted one.
  [[gnu::cold]] void save_checkpoint(const std::string& path, Notes notes = {}) const {
    notes.add("steps", steps_);
    write_checkpoint(path, with_slots(state(), slots_.read()), notes);
  }
  /// Restores the training state that `save_checkpoint` wrote. On any error throws an Error and changes nothing.
  [[gnu::cold]] void load_checkpoint(const std::string& path) {
    const std::int64_t steps = read_notes(path).template number<std::int64_t>("steps", path, 0, std::int64_t{1} << 62);
    read_checkpoint(path, with_slots(state(), slots_.host()));
    steps_ = steps;
  }

  /// One training step on n samples (N, C, H, W) with labels (N): forward, loss, backward, clipping, update. If an
  /// element of it is not finite, throws an Error that names the step and the layer; then nothing is updated.
  StepResult step(const float* images, const int* labels, int n) {
    check_batch(graph, capacity, images, labels, n, true);
    check_statistics(n);
    StepResult result;
    result.rate = options_.schedule.rate(steps_);
    if (!(result.rate >= 0) || !std::isfinite(result.rate)) refuse_rate(result.rate);
    prepared_ = false;
    typename Backend::Session session(memory_.backend);
    const Execution<Backend> run = execution(plan, n);
    Backend::begin(run, images, labels);
    Backend::execute(run, kernels, PlanPart::forward);
    Backend::execute(run, kernels, PlanPart::backward);

    result.loss = losses(run) / n;
    result.correct = correct(run, labels);
    result.grad_norm =
        std::sqrt(Backend::squared_norm(memory_.backend, run.gradients, graph.trained_storage, partial_norms_.data()));
    if (!std::isfinite(result.loss) || !std::isfinite(result.grad_norm)) {
      Backend::begin(run, images, labels);
      throw Error(describe_nonfinite(run, kernels, steps_ + 1));
    }
    Backend::execute(run, kernels, PlanPart::commit);
    const auto factors = options_.optimizer.template factors<T>(steps_ + 1, result.rate);
    Backend::template update<Optimizer>(memory_.backend, factors,
                                        T(clip_coefficient(options_.clip_norm, result.grad_norm)),
                                        graph.trained_storage, run.parameters, run.gradients, slots_.data());
    ++steps_;
    return result;
  }
  /// One training step on a Minibatch of a Loader, or any type with the members `images` (N, C, H, W), `labels` (N),
  /// `n`.
  template <class Minibatch>
  StepResult step(const Minibatch& batch) {
    return step(batch.images, batch.labels, batch.n);
  }

  /// Loss and accuracy of n samples (N, C, H, W) with labels (N) in inference mode. Also writes the logits (N, classes)
  /// unless `logits` is null. Throws an Error if a logit or a loss is not finite.
  EvaluationResult evaluate(const float* images, const int* labels, int n, float* logits = nullptr) {
    check_batch(graph, capacity, images, labels, n, true);
    const Execution<Backend> run = infer(images, labels, n, logits);
    return {losses(run), correct(run, labels)};
  }
  /// The same for a Minibatch of a Loader, or any type with the members `images` (N, C, H, W), `labels` (N), `n`.
  template <class Minibatch>
  EvaluationResult evaluate(const Minibatch& batch) {
    return evaluate(batch.images, batch.labels, batch.n);
  }
  /// Writes the logits (N, classes) of n samples (N, C, H, W) in inference mode. Throws an Error if one is not finite.
  void predict(const float* images, int n, float* logits) {
    check_batch(graph, capacity, images, nullptr, n, false);
    if (logits == nullptr) throw Error("predict was given no memory for the logits (a null pointer)");
    infer(images, nullptr, n, logits);
  }

  /// The number of training steps so far.
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  [[nodiscard]] Backend& backend() { return memory_.backend; }
  /// The gradients of the parameters after a step, at the offsets in `graph.parameters`. For tests and debugging.
  [[nodiscard]] const T* gradients() const { return memory_.gradients.read(); }

  /// An Execution of one of this Trainer's plans for n samples, with pointers to its memory. Public for tests and
  /// debugging.
  [[nodiscard]] Execution<Backend> execution(const Plan& p, int n) {
    Execution<Backend> run = memory_.execution(p, n);
    run.seed = options_.seed;
    run.step = std::uint64_t(steps_);
    return run;
  }

 private:
  static constexpr const OpKernels<Backend>* kernels =
      kernels_of<Backend, plan_of<Net, Input, Loss, Backend, TrainingStep>>;
  static constexpr const OpKernels<Backend>* validation_kernels =
      kernels_of<Backend, plan_of<Net, Input, Loss, Backend, Validation>>;

  /// Throws an Error if an option is invalid.
  [[gnu::cold]] static const Options& checked(const Options& options) {
    if (!(options.clip_norm >= 0)) throw Error("clip_norm must be 0 (no clipping) or more");
    if constexpr (requires { options.optimizer.mistake(); })
      if (const char* mistake = options.optimizer.mistake()) throw Error(mistake);
    return options;
  }
  [[gnu::cold]] [[noreturn]] void refuse_rate(double rate) const {
    throw Error({"step ", steps_ + 1, ": the schedule gives the learning rate ", shortest(rate),
                 "; a rate must be finite and not negative. Nothing was updated"});
  }

  /// The network and its optimizer slots, each of which has the layout of the parameters.
  template <class Element>
  [[gnu::cold]] [[nodiscard]] static NamedStates<Element> with_slots(const NetworkState<Element>& network,
                                                                     Element* slots) {
    NamedStates<Element> states{{{"", network}}};
    for (const char* prefix : {"optimizer.0.", "optimizer.1."})
      if (states.count <= Optimizer::slots) {
        Element* slot = slots + (states.count - 1) * graph.trained_storage;
        states.all[states.count++] = {prefix, {&graph, Backend::order, slot, nullptr}, false};
      }
    return states;
  }

  /// Throws an Error if the batch statistics of a BatchNorm would be of one value per channel, as PyTorch does.
  [[gnu::cold]] static void check_statistics(int n) {
    if (n > 1) return;
    for (int i = 0; i < graph.layer_count; ++i)
      if (graph.layers[i].kind == &batch_norm && (graph.layers[i].in.flat || graph.layers[i].in.pixels() == 1))
        throw Error({"layer ", layer_name(graph, i),
                     " gets one value a channel from a batch of one sample: training needs more"});
  }

  /// Executes the validation plan on n samples; writes their logits unless `logits` is null.
  [[gnu::cold]] Execution<Backend> infer(const float* images, const int* labels, int n, float* logits) {
    typename Backend::Session session(memory_.backend);
    const Execution<Backend> run = execution(validation_plan, n);
    if (!prepared_) Backend::execute(run, validation_kernels, PlanPart::prepare);
    prepared_ = true;
    Backend::begin(run, images, labels);
    Backend::execute(run, validation_kernels, PlanPart::forward);
    const auto x = Backend::template fetch<typename Backend::Stored>(run, run.plan->output);  // (N, classes)
    check_finite_results(x, n, "logits that are");
    if (labels != nullptr) check_finite_results(Backend::template fetch<T>(run, graph.node_count), n, "a loss that is");
    for (int i = 0; logits != nullptr && i < n; ++i)
      for (int k = 0; k < classes; ++k) logits[std::int64_t(i) * classes + k] = float(x(i, k));
    return run;
  }

  [[gnu::cold]] [[nodiscard]] static double losses(const Execution<Backend>& run) {
    const auto loss = Backend::template fetch<T>(run, graph.node_count);  // (N)
    double sum = 0;
    for (int i = 0; i < run.n; ++i) sum += double(loss(i, 0));
    return sum;
  }

  [[gnu::cold]] [[nodiscard]] static int correct(const Execution<Backend>& run, const int* labels) {
    const auto x = Backend::template fetch<typename Backend::Stored>(run, run.plan->output);  // (N, classes)
    int count = 0;
    for (int i = 0; i < run.n; ++i) {
      int best = 0;
      for (int k = 1; k < classes; ++k)
        if (T(x(i, k)) > T(x(i, best))) best = k;
      count += best == labels[i] ? 1 : 0;
    }
    return count;
  }

  template <class Element>
  using Memory = typename Backend::template Memory<Element>;

  Options options_;
  NetworkMemory<Backend> memory_;
  Memory<T> slots_;
  Memory<double> partial_norms_;
  std::int64_t steps_ = 0;
  bool prepared_ = false;  // the validation plan's prepared weights are up to date
};

}  // namespace tinycnn
