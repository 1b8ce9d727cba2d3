// Trainer: a network with its optimizer and schedule, a plan for training steps and one for evaluation. It is longer
// than other files, since it is the whole interface of training.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/layers/batch_norm.hpp>
#include <tinycnn/plan/check.hpp>
#include <tinycnn/train/checkpoint.hpp>
#include <tinycnn/train/clipping.hpp>
#include <tinycnn/train/find_nonfinite.hpp>
#include <tinycnn/train/network_memory.hpp>
#include <tinycnn/train/optimizer_state.hpp>
#include <tinycnn/train/partial_load.hpp>

namespace tinycnn {

/// The result of a training step, or of an update after several batches.
struct StepResult {
  double loss = 0;       ///< mean over the samples
  int correct = 0;       ///< the number of samples whose label is the argmax of their logits
  double grad_norm = 0;  ///< the L2 norm of all gradients together, before clipping and weight decay
  double rate = 0;       ///< the learning rate used
};

/// The result of an evaluation, or of a forward pass.
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
  int accumulate = 1;  ///< the most calls of `backward` before an `update`; from 2 on, it takes a second gradient array
};

/// Trains `Net` on batches of up to `BatchSize::capacity` samples of shape `Input`. All memory for training, evaluation
/// and prediction is allocated at construction; only loading and saving files allocate more.
template <class Net, class Input, class BatchSize, class Loss, class Optimizer, class Schedule, class Backend>
class Trainer : NetworkCheck<Net, Input, Loss>, PlanCheck<Net, Input, Loss, Backend, TrainingStep, Validation> {
  static_assert(BatchSize::capacity > 0, "a batch holds at least one sample");
  using T = typename Backend::Compute;
  static constexpr int slots = OptimizerState<Optimizer, Backend>::slots;

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
        memory_({&plan, &validation_plan}, capacity, options.threads, options.accumulate > 1 ? 2 : 1),
        optimizer_(memory_.backend, options_.optimizer, graph),
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
  [[gnu::cold]] std::string load(const std::string& path) { return loaded(load_state(path, state())); }
  [[gnu::cold]] std::string load(std::span<const std::byte> bytes) { return loaded(load_state(bytes, state())); }
  /// The same for the tensors that fit, such as all but those of a new head; the report lists the others.
  [[gnu::cold]] LoadReport load(const std::string& path, Strict::No) { return loaded(load_fitting(path, state())); }
  [[gnu::cold]] LoadReport load(std::span<const std::byte> bytes, Strict::No) {
    return loaded(load_fitting(bytes, state()));
  }

  /// Writes the complete training state, atomically: parameters, buffers, the state of the optimizer and the schedule,
  /// the number of steps, and the caller's notes. A Trainer of the same type with the same options continues after
  /// `load_checkpoint` with bitwise the same results as an uninterrupted one.
  [[gnu::cold]] void save_checkpoint(const std::string& path, Notes notes = {}) const {
    if (waiting_.batches > 0)
      throw Error({"save_checkpoint was called while the gradients of ", waiting_.batches,
                   " batches wait for update, and a checkpoint does not hold those"});
    notes.add("steps", steps_);
    optimizer_.add_notes(notes);
    add_state(notes, "schedule.", options_.schedule);
    if (own_rate_ >= 0) notes.add("schedule.set_rate", own_rate_);
    NamedState<const T> states[1 + slots]{{state()}};
    optimizer_.list_slots(states + 1);
    write_checkpoint<const T>(path, {states, 1 + slots}, notes);
  }
  /// Restores the training state that `save_checkpoint` wrote. On any error throws an Error and changes nothing.
  [[gnu::cold]] void load_checkpoint(const std::string& path) {
    const Notes notes = read_notes(path);
    const std::int64_t steps = notes.number<std::int64_t>("steps", path, 0, std::int64_t{1} << 40);
    const auto scalars = optimizer_.read_notes(notes, path);
    Schedule schedule = options_.schedule;
    read_state(notes, "schedule.", path, schedule);
    const bool has_rate = notes.find("schedule.set_rate") != nullptr;
    const double own_rate = has_rate ? notes.number<double>("schedule.set_rate", path, 0, 1e300) : no_rate;
    NamedState<T> states[1 + slots]{{state()}};
    optimizer_.list_slots(states + 1);
    read_checkpoint<T>(path, {states, 1 + slots});
    optimizer_.set_scalars(scalars);
    options_.schedule = schedule;
    own_rate_ = own_rate;
    steps_ = steps;
    drop_pending();
  }

  /// The schedule, to tell it a metric: `schedule().observe(valid_loss)`.
  [[nodiscard]] Schedule& schedule() { return options_.schedule; }
  /// From the next update on, the learning rate is `rate`, whatever the schedule says, until `follow_schedule`.
  [[gnu::cold]] void set_rate(double rate) {
    if (!(rate >= 0 && rate <= 1e300))
      throw Error({"set_rate was given the learning rate ", shortest(rate), "; it must be finite and not negative"});
    own_rate_ = rate;
  }
  void follow_schedule() { own_rate_ = no_rate; }

  /// One training step on n samples (N, C, H, W) with labels (N): forward, loss, backward, clipping, update. If an
  /// element of it is not finite, throws an Error that names the step and the layer; then nothing is updated.
  StepResult step(const float* images, const int* labels, int n) {
    if (waiting_.batches > 0) refuse_waiting();
    check_batch(graph, capacity, images, labels, n, true);
    check_statistics(n);
    const double rate = next_rate();
    typename Backend::Session session(memory_.backend);
    const Execution<Backend> run = execution(plan, n);
    run_forward(run, images, labels);
    Backend::execute(run, kernels, PlanPart::backward);
    finish_backward(run);
    return run_update(run, rate);
  }
  /// One training step on a Minibatch of a Loader, or any type with the members `images` (N, C, H, W), `labels` (N),
  /// `n`.
  template <class Minibatch>
  StepResult step(const Minibatch& batch) {
    return step(batch.images, batch.labels, batch.n);
  }

  /// The three parts of a step, to call apart: the gradients of several batches are added, up to `accumulate` of them,
  /// and divided once by the number of all their samples. So k small batches are equal to one large batch, whatever
  /// their sizes, except for BatchNorm, which normalises each by its own statistics, Dropout's masks, and rounding.
  ///   for (const Minibatch& part : parts) model.forward(part), model.backward();
  ///   model.update();
  /// `forward` computes the losses of n samples (N, C, H, W) with labels (N) in training mode. Images and labels must
  /// remain valid until `backward`.
  EvaluationResult forward(const float* images, const int* labels, int n) {
    check_batch(graph, capacity, images, labels, n, true);
    check_statistics(n);
    typename Backend::Session session(memory_.backend);
    run_forward(execution(plan, n), images, labels);
    return forward_.result;
  }
  /// The same for a Minibatch of a Loader, or any type with the members `images` (N, C, H, W), `labels` (N), `n`.
  template <class Minibatch>
  EvaluationResult forward(const Minibatch& batch) {
    return forward(batch.images, batch.labels, batch.n);
  }
  /// Adds the gradients of the batch that `forward` was given, and updates BatchNorm's running statistics. If the loss
  /// or a gradient is not finite, throws an Error, and everything is as it was after the last update: the gradients of
  /// the batches before are dropped, and what they did to the running statistics is undone.
  void backward() {
    if (forward_.n == 0) refuse_backward();
    if (waiting_.batches >= options_.accumulate) refuse_batches();
    typename Backend::Session session(memory_.backend);
    if (waiting_.batches == 0) keep_buffers();
    const Execution<Backend> run = execution(plan, forward_.n);
    Backend::execute(run, kernels, PlanPart::backward);
    if (options_.accumulate > 1)
      Backend::accumulate(memory_.backend, T(run.n), T(waiting_.samples + run.n), graph.trained_storage, run.gradients,
                          run.gradients + graph.trained_storage);
    finish_backward(run);
  }
  /// Clips, and updates the parameters. The result is the mean over all batches since the last update.
  StepResult update() {
    if (waiting_.batches == 0) refuse_update();
    const double rate = next_rate();
    typename Backend::Session session(memory_.backend);
    return run_update(execution(plan, 1), rate);
  }
  /// Drops the gradients of the batches since the last update, and undoes what they did to the running statistics.
  [[gnu::cold]] void discard() {
    if (waiting_.batches > 0) restore_buffers();
    waiting_ = {};
    forward_.n = 0;
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
  /// The gradients of the last step, or the mean ones of the batches since the last update, before clipping; by name:
  /// `tensor_of(model.gradient_state(), "fc.4.weight")`.
  [[nodiscard]] NetworkState<const T> gradient_state() const { return {&graph, Backend::order, gradients(), nullptr}; }
  /// The same at the offsets in `graph.parameters`. For tests and debugging.
  [[nodiscard]] const T* gradients() const { return memory_.gradients.read(); }

  /// An Execution of one of this Trainer's plans for n samples, with pointers to its memory. Public for tests and
  /// debugging.
  [[nodiscard]] Execution<Backend> execution(const Plan& p, int n) {
    Execution<Backend> run = memory_.execution(p, n);
    run.seed = options_.seed;
    // So that the batches of one update have different dropout masks.
    run.step = std::uint64_t(steps_) + (std::uint64_t(waiting_.batches) << 40);
    return run;
  }

 private:
  static constexpr const OpKernels<Backend>* kernels =
      kernels_of<Backend, plan_of<Net, Input, Loss, Backend, TrainingStep>>;
  static constexpr const OpKernels<Backend>* validation_kernels =
      kernels_of<Backend, plan_of<Net, Input, Loss, Backend, Validation>>;

  static constexpr double no_rate = -1;

  /// The last forward pass whose backward pass has not run; n is 0 if there is none.
  struct Forward {
    const float* images = nullptr;
    const int* labels = nullptr;
    int n = 0;
    EvaluationResult result{};
  };
  /// The batches whose gradients wait for an update.
  struct Waiting {
    int batches = 0;
    std::int64_t samples = 0;
    EvaluationResult result{};
    double grad_norm = 0;
  };

  /// Throws an Error if an option is invalid.
  [[gnu::cold]] static const Options& checked(const Options& options) {
    if (!(options.clip_norm >= 0)) throw Error("clip_norm must be 0 (no clipping) or more");
    if (options.accumulate < 1) throw Error("accumulate, the number of batches of an update, must be 1 or more");
    detail::check_options(options.schedule);
    return options;
  }
  [[gnu::cold]] [[noreturn]] void refuse_rate(double rate) const {
    throw Error({"step ", steps_ + 1, ": the schedule gives the learning rate ", shortest(rate),
                 "; a rate must be finite and not negative. Nothing was updated"});
  }
  [[gnu::cold]] [[noreturn]] void refuse_waiting() const {
    throw Error({"step was called while the gradients of ", waiting_.batches,
                 " batches wait: call update or discard before it"});
  }
  [[gnu::cold]] [[noreturn]] static void refuse_backward() {
    throw Error(
        "backward was called without a forward before it; evaluate and predict overwrite what forward computed");
  }
  [[gnu::cold]] [[noreturn]] void refuse_batches() const {
    throw Error({"backward was called more than ", options_.accumulate,
                 " times before update: set the option accumulate to the number of batches of an update"});
  }
  [[gnu::cold]] [[noreturn]] static void refuse_update() {
    throw Error("update was called without a backward before it");
  }

  /// Forgets a forward pass and the gradients that wait for update.
  void drop_pending() {
    waiting_ = {};
    forward_.n = 0;
  }
  template <class Result>
  Result loaded(Result result) {
    drop_pending();
    return result;
  }

  /// The learning rate of the next update. Throws an Error if it is invalid.
  [[nodiscard]] double next_rate() const {
    const double rate = own_rate_ >= 0 ? own_rate_ : options_.schedule.rate(steps_);
    if (!(rate >= 0) || !std::isfinite(rate)) refuse_rate(rate);
    return rate;
  }

  void run_forward(const Execution<Backend>& run, const float* images, const int* labels) {
    prepared_ = false;
    Backend::begin(run, images, labels);
    Backend::execute(run, kernels, PlanPart::forward);
    forward_ = {images, labels, run.n, {losses(run), correct(run, labels)}};
  }

  /// Throws an Error if the loss or a gradient is not finite. Commits the running statistics; counts the batch.
  void finish_backward(const Execution<Backend>& run) {
    forward_.n = 0;
    const double norm =
        std::sqrt(Backend::squared_norm(memory_.backend, run.gradients, graph.trained_storage, partial_norms_.data()));
    if (!std::isfinite(forward_.result.loss_sum) || !std::isfinite(norm)) refuse_nonfinite(run);
    Backend::execute(run, kernels, PlanPart::commit);
    waiting_.batches += 1;
    waiting_.samples += run.n;
    waiting_.result.loss_sum += forward_.result.loss_sum;
    waiting_.result.correct += forward_.result.correct;
    waiting_.grad_norm = norm;
  }
  [[gnu::cold]] [[noreturn]] void refuse_nonfinite(const Execution<Backend>& run) {
    Backend::begin(run, forward_.images, forward_.labels);
    const std::string why = describe_nonfinite(run, kernels, steps_ + 1);
    discard();
    throw Error(why);
  }

  StepResult run_update(const Execution<Backend>& run, double rate) {
    const StepResult result{waiting_.result.loss_sum / double(waiting_.samples), waiting_.result.correct,
                            waiting_.grad_norm, rate};
    prepared_ = false;
    optimizer_.update(run, steps_ + 1, rate, T(clip_coefficient(options_.clip_norm, result.grad_norm)));
    waiting_ = {};
    ++steps_;
    return result;
  }

  /// Copies the buffers behind themselves, to restore them should the update be dropped.
  void keep_buffers() {
    T* now = memory_.buffers.host();
    for (std::int64_t i = 0; i < graph.buffer_storage; ++i) now[graph.buffer_storage + i] = now[i];
  }
  void restore_buffers() {
    T* now = memory_.buffers.host();
    for (std::int64_t i = 0; i < graph.buffer_storage; ++i) now[i] = now[graph.buffer_storage + i];
    prepared_ = false;
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
    forward_.n = 0;  // the plans share their memory
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

  /// A function of its own for the compile time: it would be inlined, and vectorized, in every caller.
  [[gnu::noinline]] [[nodiscard]] static int correct(const Execution<Backend>& run, const int* labels) {
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
  OptimizerState<Optimizer, Backend> optimizer_;
  Memory<double> partial_norms_;
  Forward forward_;
  Waiting waiting_;
  double own_rate_ = no_rate;
  std::int64_t steps_ = 0;
  bool prepared_ = false;  // the validation plan's prepared weights are up to date
};

}  // namespace tinycnn
