// A run with a tiny network: resumed at every step it leaves the same bits, callbacks, early stopping, failed writes,
// checkpoints of other runs.
#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

struct Net : Sequential<Conv2d<1, 4, 3, Padding<1>>, BatchNorm<4>, ReLU, Flatten, Dropout<>, Linear<64, 3>> {};
using Model = Trainer<Net, Image<1, 4, 4>, Batch<4>, CrossEntropy, Adam, LinearWarmup<Constant>, Reference<>>;

ArraySet<> samples(int count, std::uint64_t seed) {
  std::vector<float> images;  // (N,1,4,4)
  std::vector<int> labels;    // (N)
  for (int i = 0; i < count; ++i) {
    labels.push_back(i % 3);
    for (int k = 0; k < 16; ++k)
      images.push_back(uniform(seed, std::uint64_t(i), std::uint64_t(k)) + (k % 3 == i % 3 ? 0.5f : 0.0f));
  }
  return {images, labels, {1, 4, 4}, 4};
}

/// What a program with a run does. 18 training samples: 5 steps per epoch, the last of 2 samples.
struct Program {
  explicit Program(const std::string& folder) : out(folder) {}

  void operator()(bool resume, const Callbacks& callbacks = {}) {
    Settings settings(given);
    settings.fixed("--lr", lr).kept("--epochs", epochs);
    Run run({.folder = out, .resume = resume, .quiet = true}, settings);
    now = &run;
    ArraySet<> train_set = samples(18, 1), valid_set = samples(valid, 2);
    train_set.shuffle(7);
    Model model({.schedule = {.then = {lr}, .warmup = 3}, .clip_norm = 1, .seed = 5});
    FitOptions options{.epochs = epochs, .max_steps = max_steps, .checkpoint_every = 1, .stopping = stopping};
    options.score = score;
    options.callbacks.after_step = [&](const StepEvent& event) { callbacks.after_step(event); };
    options.callbacks.new_best = [&](const EpochEvent& event) { callbacks.new_best(event); };
    options.callbacks.after_epoch = [&](const EpochEvent& event) { callbacks.after_epoch(event); };
    options.callbacks.save = [&](Notes& notes) { callbacks.save(notes); };
    options.callbacks.resume = [&](const Notes& notes) { callbacks.resume(notes); };
    run.fit(model, train_set, valid_set, options);
    state = run.state();
    model.load(run.best_weights());
    predictions = predict_all(model, valid_set);
  }

  /// The bytes of the files that a finished run leaves, the seconds aside.
  [[nodiscard]] std::vector<std::string> results() const {
    std::vector<std::string> files;
    for (const char* name : {"best.safetensors", "last.ckpt", "steps.csv"}) files.push_back(read_file(file(name)));
    const std::string history = read_file(file("history.csv"));
    std::string rows;
    for (std::size_t begin = 0; begin < history.size();) {
      const std::string row = history.substr(begin, history.find('\n', begin) - begin);
      rows += row.substr(0, row.rfind(',')) + '\n';
      begin += row.size() + 1;
    }
    files.push_back(rows);
    return files;
  }
  [[nodiscard]] std::string file(const char* name) const { return out + '/' + name; }
  [[nodiscard]] int rows(const char* name) const {
    int lines = -1;
    for (const char letter : read_file(file(name))) lines += letter == '\n' ? 1 : 0;
    return lines;
  }

  std::string out;
  double lr = 1e-2;
  int epochs = 3, valid = 9;
  std::int64_t max_steps = 0;
  std::vector<std::string> given;
  EarlyStopping stopping = never_early;
  Score score = by_accuracy;
  Run* now = nullptr;
  RunState state;
  Predictions predictions;
};

struct Killed {};

/// Ends a program without anything that a killed process could not do, either.
Callbacks killed_after(int step) {
  Callbacks callbacks;
  callbacks.after_step = [step](const StepEvent& event) {
    if (event.step == step) throw Killed{};
  };
  return callbacks;
}

}  // namespace

TEST_SUITE("run") {
  TEST_CASE("a run that is resumed at any step leaves the same bits") {
    const ScratchFolder folder;
    Program whole(folder / "whole");
    whole(false);
    CHECK(whole.rows("steps.csv") == 15);
    CHECK(whole.rows("history.csv") == 3);
    CHECK(whole.predictions.size() == 9);
    for (int step = 1; step <= 15; ++step) {
      CAPTURE(step);
      Program program(folder / "killed" + std::to_string(step));
      CHECK_THROWS_AS(program(false, killed_after(step)), Killed);
      CHECK(program.rows("steps.csv") == step);  // the last one is not in the checkpoint yet
      program(true);
      CHECK(program.results() == whole.results());
      CHECK(program.predictions.logits == whole.predictions.logits);
    }
    Program often(folder / "often");
    for (int step = 1; step <= 15; ++step) CHECK_THROWS_AS(often(step > 1, killed_after(step)), Killed);
    often(true);
    CHECK(often.results() == whole.results());
    often(true);  // a finished run
    CHECK(often.results() == whole.results());
  }

  TEST_CASE("a run that is killed between an epoch's files leaves the same bits") {
    const ScratchFolder folder;
    Program whole(folder / "whole");
    whole(false);
    for (const bool best : {true, false}) {
      Program killed(folder / (best ? "best" : "epoch"));
      Callbacks callbacks;
      Callback<const EpochEvent&> end = [](const EpochEvent&) { throw Killed{}; };
      (best ? callbacks.new_best : callbacks.after_epoch) = std::move(end);
      CHECK_THROWS_AS(killed(false, callbacks), Killed);
      killed(true);
      CHECK(killed.results() == whole.results());
    }
  }

  TEST_CASE("callbacks are told of every step, epoch and best epoch, and their notes are kept") {
    const ScratchFolder folder;
    Program program(folder / "run");
    std::vector<std::int64_t> steps;
    int epochs = 0, best = 0, seen = 0;
    Callbacks callbacks;
    callbacks.after_step = [&](const StepEvent& event) {
      steps.push_back(event.step);
      CHECK(event.epoch == (event.step - 1) / 5 + 1);
      CHECK(event.n == (event.step % 5 == 0 ? 2 : 4));
      CHECK(event.training.images == (event.step - 1) % 5 * 4 + event.n);
      if (event.step == 7) throw Killed{};
    };
    callbacks.after_epoch = [&](const EpochEvent& event) {
      CHECK(event.epoch == ++epochs);
      CHECK(event.validation.images == 9);
      CHECK(event.score == event.validation.accuracy());
    };
    callbacks.new_best = [&](const EpochEvent& event) {
      CHECK(event.best);
      CHECK(path_exists(program.file("best.safetensors")));
      ++best;
    };
    callbacks.save = [&](Notes& notes) { notes.add("my steps", std::int64_t(steps.size())); };
    callbacks.resume = [&](const Notes& notes) { seen = notes.number<int>("my steps", "", 0, 100); };
    CHECK_THROWS_AS(program(false, callbacks), Killed);
    CHECK(steps == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7});
    CHECK(epochs == 1);
    CHECK(best == 1);
    callbacks.after_step = {};
    program(true, callbacks);
    CHECK(seen == 6);
    CHECK(epochs == 3);
  }

  TEST_CASE("a run stops early by its patience, by a callback, and after its steps") {
    const ScratchFolder folder;
    Program patient(folder / "patient");
    patient.epochs = 50;
    patient.lr = 1e-30;
    patient.stopping = {.patience = 2};
    patient(false);
    CHECK(patient.state.stopping.stale == 3);
    CHECK(patient.rows("history.csv") == 4);
    CHECK(contains(read_file(patient.file("train.log")), "No improvement in 3 epochs, early stopping"));

    Program resumed(folder / "resumed");
    resumed.epochs = patient.epochs;
    resumed.lr = patient.lr;
    resumed.stopping = patient.stopping;
    CHECK_THROWS_AS(resumed(false, killed_after(13)), Killed);
    resumed(true);
    CHECK(resumed.results() == patient.results());

    Program gain(folder / "gain");
    gain.epochs = 6;
    gain.stopping = {.patience = 1, .min_gain = 2};
    gain.score = by_loss;
    gain(false);
    CHECK(gain.rows("history.csv") == 3);
    CHECK(gain.state.stopping.best < 0);

    Program told(folder / "told");
    Callbacks callbacks;
    callbacks.after_step = [&](const StepEvent& event) {
      if (event.step == 7) told.now->stop();
      if (event.step == 9) throw Killed{};
    };
    CHECK_THROWS_AS(told(false, callbacks), Killed);
    told(true);  // completes the epoch, then remembers
    CHECK(told.rows("steps.csv") == 10);
    told(true);
    CHECK(told.rows("history.csv") == 2);

    Program limited(folder / "limited");
    limited.max_steps = 7;
    limited(false);
    CHECK(limited.rows("steps.csv") == 7);
    CHECK(limited.rows("history.csv") == 2);
  }

  TEST_CASE("a failed write ends a run with its file's name and loses nothing") {
    const ScratchFolder folder;
    Program whole(folder / "whole");
    whole(false);
    for (const char* name : {"last.ckpt", "best.safetensors"}) {
      CAPTURE(name);
      Program program(folder / name);
      const std::string blocked = program.file(name) + ".partial";  // what is no file cannot be written
      Callbacks callbacks;
      callbacks.after_step = [&](const StepEvent& event) {
        if (event.step == 3) make_directories(blocked);
      };
      const std::string error = error_of([&] { program(false, callbacks); });
      CHECK(contains(error, blocked));
      CHECK(read_notes(program.file("last.ckpt")).number<int>("steps", "", 0, 99) == (name[0] == 'l' ? 2 : 5));
      remove_folder(blocked);
      program(true);
      CHECK(program.results() == whole.results());
    }
  }

  TEST_CASE("a run does not overwrite another one, nor resume with other settings or data") {
    const ScratchFolder folder;
    Program program(folder / "run");
    program.epochs = 1;
    program(false);
    const std::vector<std::string> before = program.results();
    const auto told = [&](bool resume) {
      const std::string error = error_of([&] { program(resume); });
      CHECK(!contains(error, "\n"));
      CHECK(program.results() == before);
      return error;
    };
    CHECK(contains(told(false), "run' holds a run already (last.ckpt): continue it with --resume, or choose another"));
    program.given = {"--lr"};
    program.lr = 0.5;
    CHECK(contains(told(true), "it was begun with --lr '0.01', not '0.5'; leave the flag out, or choose another"));
    program.given = {};
    program.valid = 8;
    CHECK(contains(told(true), "its split 'valid' was 9 samples "));
    program.valid = 9;
    program(true);
    CHECK(program.lr == 0.01);  // from the checkpoint

    const std::string path = program.file("last.ckpt"), sound = read_file(path);
    for (const auto& [bytes, why] : {std::pair{sound.substr(1), "not a sound safetensors file"},
                                     std::pair{read_file(program.file("best.safetensors")), "is no checkpoint"}}) {
      put_file(path, bytes);
      const std::string error = error_of([&] { program(true); });
      CHECK(contains(error, path));
      CHECK(contains(error, why));
    }
    std::string other = sound;
    other.replace(other.find("\"epoch\":\"2\""), 11, "\"epoch\":\"x\"");
    put_file(path, other);
    CHECK(contains(error_of([&] { program(true); }), "its note 'epoch' is 'x'"));
    other = sound;
    other.replace(other.find("\"--lr\""), 6, "\"--LR\"");
    put_file(path, other);
    CHECK(contains(error_of([&] { program(true); }), "is no checkpoint of this program: its note '--lr' is missing"));
    ::remove(path.c_str());
    CHECK(contains(error_of([&] { program(true); }),
                   "holds a run already (best.safetensors): but no last.ckpt to resume from"));
  }

  TEST_CASE("Ctrl-C completes the step and saves") {
    const ScratchFolder folder;
    Program whole(folder / "whole"), program(folder / "run");
    whole(false);
    Callbacks callbacks;
    callbacks.after_step = [](const StepEvent& event) {
      if (event.step == 4) std::raise(SIGINT);
    };
    const std::string error = error_of([&] { program(false, callbacks); });
    CHECK(contains(error, "interrupted after step 4, which is saved; continue with --resume --out "));
    CHECK(read_notes(program.file("last.ckpt")).number<int>("steps", "", 0, 99) == 4);
    program(true);
    CHECK(program.results() == whole.results());
  }

  TEST_CASE("a run is fitted once") {
    const ScratchFolder folder;
    Run run({.folder = folder / "run", .quiet = true});
    ArraySet<> data = samples(8, 1);
    Model model({.schedule = {.then = {1e-3}}});
    run.fit(model, data, data);
    CHECK(contains(error_of([&] { run.fit(model, data, data); }), "was fitted already"));
  }
}
