// A schedule with state as a user of the library would define it, the library's own in a Trainer, and rates set by
// hand.
#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

/// The "bold driver": 5 % faster after each epoch whose loss fell, half as fast after each whose loss rose.
struct BoldDriver {
  double base = 1e-2;
  double factor = 1;       // the state
  double last_loss = 1e9;  // the state

  [[nodiscard]] double rate(std::int64_t) const { return base * factor; }
  void observe(double loss) {
    factor *= loss < last_loss ? 1.05 : 0.5;
    last_loss = loss;
  }
  template <class Visit>
  void visit_state(Visit&& visit) {
    visit("factor", factor);
    visit("last_loss", last_loss);
  }
};

using Net = Sequential<Linear<5, 4>, ReLU, Linear<4, 3>>;

template <class Schedule>
using ModelWith = Trainer<Net, Features<5>, Batch<3>, CrossEntropy, Adam, Schedule, Cpu<>>;

const int labels[] = {0, 1, 2};

/// Epochs of two steps; tells the schedule the last loss of each.
template <class Model>
std::vector<double> train(Model& model, int begin, int end) {
  std::vector<double> rates;
  for (int epoch = begin; epoch < end; ++epoch) {
    StepResult result;
    for (int step = 0; step < 2; ++step) {
      float images[15];
      for (std::size_t i = 0; i < 15; ++i) images[i] = uniform(4, std::uint64_t(2 * epoch + step), i);
      result = model.step(images, labels, 3);
      rates.push_back(result.rate);
    }
    if constexpr (requires { model.schedule().observe(0.0); })
      model.schedule().observe(result.loss);
    else
      model.schedule().then.observe(result.loss);
  }
  return rates;
}

}  // namespace

TEST_CASE_TEMPLATE("a checkpoint restores a schedule's state", Schedule, BoldDriver, ReduceLROnPlateau,
                   LinearWarmup<ReduceLROnPlateau>) {
  using Model = ModelWith<Schedule>;
  const ScratchFolder folder;
  typename Model::Options options{.seed = 3};
  if constexpr (requires { options.schedule.patience; })
    options.schedule = {.base = 0.1, .factor = 0.8, .patience = 0, .cooldown = 1};
  if constexpr (requires { options.schedule.warmup; })
    options.schedule = {.then = {.factor = 0.8, .patience = 0}, .warmup = 3};
  Model whole(options), resumed(options);
  train(whole, 0, 8);
  whole.save_checkpoint(folder / "last.ckpt");
  const std::vector<double> expected = train(whole, 8, 16);
  resumed.load_checkpoint(folder / "last.ckpt");
  CHECK(train(resumed, 8, 16) == expected);
  CHECK(expected.front() != expected.back());
  whole.save_checkpoint(folder / "whole"), resumed.save_checkpoint(folder / "resumed");
  CHECK(read_file(folder / "resumed") == read_file(folder / "whole"));

  const ModelWith<Constant> constant({.schedule = {1e-2}});
  constant.save_checkpoint(folder / "constant");
  CHECK(contains(error_of([&] { resumed.load_checkpoint(folder / "constant"); }), "is no checkpoint to go on from"));
  resumed.save_checkpoint(folder / "resumed");
  CHECK(read_file(folder / "resumed") == read_file(folder / "whole"));
}

TEST_CASE("a rate set by hand overrides the schedule until follow_schedule, across checkpoints") {
  using Model = ModelWith<ReduceLROnPlateau>;
  const ScratchFolder folder;
  Model model({.schedule = {.base = 0.1}}), resumed({.schedule = {.base = 0.1}});
  CHECK(train(model, 0, 1) == std::vector<double>{0.1, 0.1});
  model.set_rate(0.025);
  CHECK(train(model, 1, 2) == std::vector<double>{0.025, 0.025});
  model.save_checkpoint(folder / "last.ckpt");
  resumed.load_checkpoint(folder / "last.ckpt");
  for (Model* each : {&model, &resumed}) {
    CHECK(train(*each, 2, 3) == std::vector<double>{0.025, 0.025});
    each->set_rate(0);
    CHECK(train(*each, 3, 4) == std::vector<double>{0, 0});
    each->follow_schedule();
    CHECK(train(*each, 4, 5) == std::vector<double>{0.1, 0.1});
  }
  for (const double wrong : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    CHECK(contains(error_of([&] { model.set_rate(wrong); }), "set_rate was given the learning rate"));
  CHECK(train(model, 5, 6) == std::vector<double>{0.1, 0.1});
}

TEST_CASE("ReduceLROnPlateau: NaN is no improvement, and invalid options are rejected") {
  ReduceLROnPlateau schedule{.base = 1, .patience = 0};
  schedule.observe(2);
  schedule.observe(std::numeric_limits<double>::quiet_NaN());
  CHECK(schedule.rate(0) == 0.1);
  CHECK(schedule.best == 2);
  const auto told = [](const ReduceLROnPlateau& wrong) {
    return error_of([&] { const ModelWith<ReduceLROnPlateau> model({.schedule = wrong}); });
  };
  CHECK(contains(told({.factor = 1}), "factor must be 0 or more and below 1"));
  CHECK(contains(told({.patience = -1}), "patience"));
  CHECK(contains(told({.cooldown = -1}), "cooldown"));
  CHECK(contains(told({.minimum = -1}), "minimum"));
}
