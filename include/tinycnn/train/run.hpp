// A run: epochs of training and validation in a folder, with checkpoints, so that a run that was killed at any moment
// resumes with the same bits. Its parts work alone as well, for a loop of one's own: RunFolder, Settings, RunState,
// EpochTotals, EarlyStopping, CsvWriter, Log, Progress, InterruptFlag.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/core/clock.hpp>
#include <tinycnn/report/log.hpp>
#include <tinycnn/report/progress.hpp>
#include <tinycnn/train/interrupt_flag.hpp>
#include <tinycnn/train/learner.hpp>
#include <tinycnn/train/run_events.hpp>
#include <tinycnn/train/run_folder.hpp>
#include <tinycnn/train/run_state.hpp>
#include <tinycnn/train/settings.hpp>

namespace tinycnn {

/// Where a run takes place.
struct RunOptions {
  std::string folder;                     ///< created if it does not exist
  bool resume = false;                    ///< go on from the folder's checkpoint if there is one
  bool quiet = false;                     ///< write to train.log only, not to standard output, and show no progress
  std::vector<const char*> results = {};  ///< further files of the folder that a new run must not overwrite
  RunFlags flags{};                       ///< as messages name them
};

/// "loss = 1.23457, acc = 0.45679": the means over the samples.
[[gnu::cold]] inline std::string loss_and_accuracy(const EpochTotals& totals) {
  char text[64];
  std::snprintf(text, sizeof text, "loss = %.5f, acc = %.5f", totals.loss(), totals.accuracy());
  return text;
}

/// How long and with what `Run::fit` trains.
struct FitOptions {
  int epochs = 1;
  std::int64_t max_steps = 0;            ///< stop training after this many steps in total; 0: no limit
  std::int64_t checkpoint_every = 0;     ///< steps between checkpoints, in addition to those after each epoch
  EarlyStopping stopping = never_early;  ///< its `best` is set by `score`
  Score score = by_accuracy;             ///< which epoch is the best
  Callbacks callbacks{};
  std::string (*describe)(const EpochTotals&) = loss_and_accuracy;  ///< for the log
};

/// A run in its folder, whose lock it holds. Files: last.ckpt (everything that the rest of the run depends on),
/// best.safetensors (the weights of the best epoch), steps.csv and history.csv (a row per step and per epoch),
/// train.log.
class Run {
 public:
  /// Opens the folder. With `options.resume`, settings that the user has not given are those that the run was begun
  /// with. Throws an Error if another run works in the folder, if a new run would overwrite one, or if a fixed setting
  /// differs from the checkpoint's.
  [[gnu::cold]] explicit Run(const RunOptions& options, Settings settings = {})
      : folder_(options.folder, options.flags),
        settings_(std::move(settings)),
        quiet_(options.quiet),
        resumed_(resume(options)),
        log_(opened(train_log()), options.quiet) {}

  /// Whether the run goes on from a checkpoint.
  [[nodiscard]] bool resumed() const { return resumed_; }
  [[nodiscard]] Log& log() { return log_; }
  [[nodiscard]] const RunState& state() const { return state_; }
  [[nodiscard]] [[gnu::cold]] std::string file(const char* name) const { return folder_.file(name); }
  /// The path of the weights of the best epoch.
  [[nodiscard]] [[gnu::cold]] std::string best_weights() const { return file("best.safetensors"); }

  /// Trains `model` from its present state or, if the run is resumed, from the checkpoint's, and validates it after
  /// each epoch. `model` is a Trainer or has its functions; the data are PictureSets, ArraySets, or other sources as
  /// described at LearnerOf. The first Ctrl-C completes the step, saves and throws an Error that says how to go on. On
  /// any other error the last checkpoint is complete. Call it once.
  template <class Model, class TrainingData, class ValidationData>
  [[gnu::cold]] void fit(Model& model, TrainingData& training, ValidationData& validation,
                         const FitOptions& options = {}) {
    LearnerOf<Model, TrainingData, ValidationData> learner(model, training, validation);
    fit(learner, options);
  }
  /// The same for a Learner.
  [[gnu::cold]] void fit(Learner& learner, const FitOptions& options) {
    if (fitted_)
      throw Error({"the run in '", folder_.path(), "' was fitted already; another one needs a folder of its own"});
    fitted_ = true;
    const std::pair<const char*, std::string> identities[] = {{"train", learner.training_identity()},
                                                              {"valid", learner.validation_identity()}};
    if (resumed_) {
      for (const auto& [name, now] : identities) check_same_data(name, now);
      learner.load_checkpoint(checkpoint());
      options.callbacks.resume(notes_);
      log_.line("Resumed in epoch %d, after step %" PRId64, state_.epoch, learner.steps());
    } else {
      state_.stopping.best = options.score.worst;
    }
    state_.stopping.patience = options.stopping.patience;
    state_.stopping.min_gain = options.stopping.min_gain;
    Loop loop{*this,
              learner,
              options,
              {},
              csv("steps.csv", steps_header, learner.steps()),
              csv("history.csv", history_header, state_.epoch - 1),
              {}};
    settings_.add_to(loop.fixed_notes);
    for (const auto& [name, now] : identities) loop.fixed_notes.add(name, now);
    if (!resumed_) loop.save();
    while (loop.goes_on()) loop.epoch();
    if (state_.stopping.stop()) log_.line("No improvement in %d epochs, early stopping", state_.stopping.stale);
  }

  /// Ends the run after the current epoch's validation. For callbacks.
  void stop() { state_.stopped = true; }

 private:
  static constexpr const char* steps_header = "step,loss,grad_norm,lr";
  static constexpr const char* history_header = "epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds";

  /// The loop of `fit`.
  struct Loop {
    Run& run;
    Learner& learner;
    const FitOptions& options;
    Notes fixed_notes;
    CsvWriter steps, history;
    InterruptFlag interrupt;

    [[nodiscard]] bool in_time() const { return options.max_steps == 0 || learner.steps() < options.max_steps; }
    [[nodiscard]] [[gnu::cold]] bool goes_on() const {
      const RunState& state = run.state_;
      return state.epoch <= options.epochs && !state.stopping.stop() &&
             ((in_time() && !state.stopped) || state.training.images > 0);
    }

    [[gnu::cold]] void save() {
      steps.sync();
      history.sync();
      Notes notes = fixed_notes;
      run.state_.add_to(notes);
      options.callbacks.save(notes);
      learner.save_checkpoint(run.checkpoint(), notes);
    }
    [[gnu::cold]] void stop_if_interrupted() {
      if (!interrupt.requested()) return;
      save();
      const RunFlags& flags = run.folder_.flags();
      throw Error({"interrupted after step ", learner.steps(), ", which is saved; continue with ", flags.resume, " ",
                   flags.folder, " ", run.folder_.path()});
    }

    [[gnu::cold]] void epoch() {
      RunState& state = run.state_;
      const double start = seconds_now();
      train();
      EpochEvent event;
      event.epoch = state.epoch;
      event.training = state.training;
      event.rate = state.rate;
      log("Train", event.training, "");
      event.validation = validate();
      event.score = options.score.of(event);
      event.best = state.stopping.improved(event.score);
      log("Valid", event.validation, event.best ? " -> best" : "");
      if (event.best) learner.save(run.best_weights());
      event.seconds = seconds_now() - start;
      if (event.best) options.callbacks.new_best(event);
      history.line(event.epoch, event.training.loss(), event.training.accuracy(), event.validation.loss(),
                   event.validation.accuracy(), event.rate, event.seconds);
      options.callbacks.after_epoch(event);
      ++state.epoch;
      state.training = {};
      save();
      stop_if_interrupted();
    }

    [[gnu::cold]] void train() {
      RunState& state = run.state_;
      EpochTotals& totals = state.training;
      Progress bar("train", learner.begin_training(state.epoch, totals.images), run.quiet_);
      for (BatchResult r; in_time() && learner.train(r);) {
        totals.add(r.loss * r.n, r.correct, r.n);
        state.rate = r.rate;
        steps.line(learner.steps(), float(r.loss), float(r.grad_norm), r.rate);
        bar.step(r.n, totals.loss(), totals.accuracy());
        options.callbacks.after_step(
            {learner.steps(), state.epoch, r.n, r.loss, r.correct, r.grad_norm, r.rate, totals});
        stop_if_interrupted();
        if (options.checkpoint_every > 0 && learner.steps() % options.checkpoint_every == 0) save();
      }
    }

    [[gnu::cold]] EpochTotals validate() {
      EpochTotals totals;
      Progress bar("valid", learner.begin_validation(run.state_.epoch), run.quiet_);
      for (BatchResult r; learner.validate(r);) {
        totals.add(r.loss, r.correct, r.n);
        bar.step(r.n, totals.loss(), totals.accuracy());
        stop_if_interrupted();
      }
      return totals;
    }

    [[gnu::cold]] void log(const char* phase, const EpochTotals& totals, const char* end) {
      run.log_.line("[ %s | %03d/%03d ] %s%s", phase, run.state_.epoch, options.epochs,
                    options.describe(totals).c_str(), end);
    }
  };

  [[nodiscard]] [[gnu::cold]] std::string checkpoint() const { return file("last.ckpt"); }
  [[nodiscard]] [[gnu::cold]] std::string train_log() const { return file("train.log"); }

  /// Reads the checkpoint if there is one to resume from.
  [[gnu::cold]] bool resume(const RunOptions& options) {
    std::vector<const char*> results = {"best.safetensors"};
    results.insert(results.end(), options.results.begin(), options.results.end());
    if (!folder_.resumes(options.resume, "last.ckpt", results)) return false;
    notes_ = read_notes(checkpoint());
    settings_.resume(notes_, checkpoint(), folder_);
    state_ = RunState::from(notes_, checkpoint());
    return true;
  }
  /// The log's path; empties the log of a run that was killed before its first checkpoint.
  [[gnu::cold]] std::string opened(const std::string& path) const {
    if (!resumed_) write_file(path, "");
    return path;
  }
  [[gnu::cold]] CsvWriter csv(const char* name, const char* header, std::int64_t rows) const {
    return resumed_ ? CsvWriter::resume(file(name), header, rows) : CsvWriter(file(name), header);
  }
  [[gnu::cold]] void check_same_data(const char* name, const std::string& now) const {
    const std::string* known = notes_.find(name);
    if (known == nullptr)
      throw Error({"'", checkpoint(), "' is no checkpoint of this program: its note '", name, "' is missing"});
    if (*known != now)
      throw folder_.cannot_resume(joined({"its split '", name, "' was ", *known, ", now it is ", now}),
                                  joined({"use the data it was begun with (", folder_.flags().data, ")"}));
  }

  RunFolder folder_;
  Settings settings_;
  bool quiet_;
  Notes notes_;  // of the checkpoint that the run resumes from
  RunState state_;
  bool resumed_;
  bool fitted_ = false;
  Log log_;
};

}  // namespace tinycnn
