// Optimizers, gradient clipping and learning rate schedules compared with PyTorch in double (golden/optim.safetensors).
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/optim/adagrad.hpp>
#include <tinycnn/optim/adam.hpp>
#include <tinycnn/optim/adamw.hpp>
#include <tinycnn/optim/amsgrad.hpp>
#include <tinycnn/optim/sgd.hpp>
#include <tinycnn/optim/update_range.hpp>
#include <tinycnn/schedules/constant.hpp>
#include <tinycnn/schedules/cosine_annealing.hpp>
#include <tinycnn/schedules/linear_warmup.hpp>
#include <tinycnn/schedules/reduce_lr_on_plateau.hpp>
#include <tinycnn/train/clipping.hpp>
#include "../support/close.hpp"
#include "../support/golden.hpp"

namespace {

using namespace tinycnn;

constexpr double bound = 1e-12;

const Golden& golden() {
  static const Golden file("optim");
  return file;
}

double setting(const std::string& name, const std::string& what) { return golden().number(name + '/' + what); }

/// Applies the gradients sin(0.1 t (i + 1)) in steps t = 1, 2, ... and compares after 1, 2, 10 and 100 steps.
template <class Optimizer>
void check_optimizer(const std::string& name, const Optimizer& optimizer) {
  std::vector<double> w = golden().values(name + "/w0"), g(w.size()), slots(w.size() * Optimizer::slots);
  if constexpr (requires { optimizer.initial_value(0); })
    for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = optimizer.initial_value(int(i / w.size()));
  int compared = 0;
  for (int t = 1; t <= 100; ++t) {
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = std::sin(0.1 * t * double(i + 1));
    const auto factors = optimizer.template factors<double>(t, setting(name, "lr"));
    update_range<Optimizer, double>(factors, 1.0, 0, long(w.size()), w.data(), g.data(), slots.data(), long(w.size()));
    const std::string key = name + "/w" + std::to_string(t);
    if (!golden().has(key)) continue;
    check_close(key, w, golden().values(key), bound);
    ++compared;
  }
  CHECK(compared == 4);
}

template <class Schedule>
void check_rates(const std::string& name, const Schedule& schedule) {
  const std::vector<double> expected = golden().values(name + "/rates");
  std::vector<double> rates;
  for (std::size_t step = 0; step < expected.size(); ++step) rates.push_back(schedule.rate(long(step)));
  check_close(name, rates, expected, bound);
}

CosineAnnealing cosine_of(const std::string& name) {
  return {setting(name, "lr"), long(setting(name, "t_max")), setting(name, "eta_min")};
}

}  // namespace

TEST_CASE("PyTorch's numbers: Adam") {
  for (const std::string name : {"adam", "adam_hw3"})
    check_optimizer(name, Adam{.weight_decay = setting(name, "weight_decay")});
}

TEST_CASE("PyTorch's numbers: AdamW, AMSGrad, Adagrad") {
  check_optimizer("adamw", AdamW{.weight_decay = setting("adamw", "weight_decay")});
  check_optimizer("amsgrad", AMSGrad{.weight_decay = setting("amsgrad", "weight_decay")});
  check_optimizer("adagrad", Adagrad{.weight_decay = setting("adagrad", "weight_decay")});
  check_optimizer("adagrad_decay",
                  Adagrad{.rate_decay = setting("adagrad_decay", "lr_decay"),
                          .initial_accumulator_value = setting("adagrad_decay", "initial_accumulator_value")});
}

TEST_CASE("PyTorch's numbers: SGD, with and without momentum") {
  check_optimizer("sgd", SGD{.weight_decay = setting("sgd", "weight_decay")});
  check_optimizer("sgd_momentum", SGD{.weight_decay = setting("sgd_momentum", "weight_decay"),
                                      .momentum = setting("sgd_momentum", "momentum")});
  check_optimizer("sgd_nesterov", SGD{.weight_decay = setting("sgd_nesterov", "weight_decay"),
                                      .momentum = setting("sgd_nesterov", "momentum"),
                                      .nesterov = true});
}

TEST_CASE("PyTorch's numbers: clipping by the global norm") {
  for (const std::string name : {"clip_below", "clip_above", "clip_huge", "clip_zero"}) {
    const double factor = clip_coefficient(setting(name, "max_norm"), setting(name, "norm"));
    for (const std::string what : {"da", "db"}) {
      std::vector<double> clipped = golden().values(name + '/' + what);
      for (double& g : clipped) g *= factor;
      check_close(name + '/' + what, clipped, golden().values(name + '/' + what + "_clipped"), bound);
    }
  }
  CHECK(clip_coefficient(10, setting("clip_below", "norm")) == 1);
  CHECK(clip_coefficient(0, 1e30) == 1);  // 0: no clipping
}

TEST_CASE("PyTorch's numbers: learning rates") {
  check_rates("cosine", cosine_of("cosine"));
  check_rates("cosine_hw3", cosine_of("cosine_hw3"));
  check_rates("warmup_cosine",
              LinearWarmup<CosineAnnealing>{cosine_of("warmup_cosine"), long(setting("warmup_cosine", "warmup"))});
  CHECK(Constant{0.25}.rate(7) == 0.25);
}

TEST_CASE("PyTorch's numbers: ReduceLROnPlateau") {
  using enum ReduceLROnPlateau::Threshold;
  const auto check = [](const std::string& name, ReduceLROnPlateau schedule) {
    CHECK(schedule.rate(3) == 0.1);
    std::vector<double> rates;
    for (const double metric : golden().values(name + "/metrics")) {
      schedule.observe(metric);
      rates.push_back(schedule.rate(3));
    }
    const std::vector<double> expected = golden().values(name + "/rates");
    REQUIRE(rates.size() == expected.size());
    for (std::size_t i = 0; i < rates.size(); ++i) CHECK(std::abs(rates[i] - expected[i]) <= bound * expected[i]);
  };
  check("plateau_rel", {.base = 0.1, .factor = 0.5, .patience = 2, .threshold = 0.05});
  check("plateau_abs",
        {.base = 0.1, .factor = 0.5, .patience = 1, .threshold = 0.01, .threshold_mode = absolute, .cooldown = 3});
  check("plateau_max",
        {.base = 0.1, .factor = 0.3, .patience = 2, .threshold = 0.02, .minimum = 0.004, .maximize = true});
  check("plateau_max_abs", {.base = 0.1,
                            .factor = 0.3,
                            .patience = 0,
                            .threshold = 0,
                            .threshold_mode = absolute,
                            .epsilon = 0.002,
                            .maximize = true});
}

TEST_CASE("optimizers: updates on vector registers are bitwise equal to scalar updates") {
  const auto check = []<class Optimizer>(const Optimizer& optimizer) {
    constexpr long first = 3, last = 3 + 5 * 16 + 7;
    constexpr long stride = last + 2;
    std::vector<float> w[2], slots[2], g;
    for (long i = 0; i < stride; ++i) {
      g.push_back(std::sin(float(i)));
      for (int k : {0, 1}) w[k].push_back(std::cos(float(i)));
    }
    for (long i = 0; i < Optimizer::slots * stride; ++i)
      for (int k : {0, 1}) slots[k].push_back(0.01f * float(i % 7));
    const std::vector<float> before = w[0];
    const auto factors = optimizer.template factors<float>(3, 1e-2);
    update_range<Optimizer, float>(factors, 0.5f, first, last, w[0].data(), g.data(), slots[0].data(), stride);
    update_range<Optimizer, cpu::Vector<cpu::Native>>(factors, 0.5f, first, last, w[1].data(), g.data(),
                                                      slots[1].data(), stride);
    CHECK(w[0] == w[1]);
    CHECK(slots[0] == slots[1]);
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK((w[1][i] != before[i]) == (long(i) >= first && long(i) < last));
  };
  check(Adam{.weight_decay = 0.1});
  check(AdamW{.weight_decay = 0.1});
  check(AMSGrad{.weight_decay = 0.1});
  check(Adagrad{.weight_decay = 0.1});
  check(SGD{.weight_decay = 0.1, .momentum = 0.9});
  check(SGD{.weight_decay = 0.1, .momentum = 0.9, .nesterov = true});
}

TEST_CASE("optimizers: accumulation is the mean over all samples, on vector registers as on scalars") {
  std::vector<float> g[2], sum[2];
  for (int k : {0, 1}) sum[k].resize(41);
  for (const auto& [samples, all] : {std::pair{5.0f, 5.0f}, {2.0f, 7.0f}, {1.0f, 8.0f}}) {
    for (int k : {0, 1}) {
      g[k].clear();
      for (int i = 0; i < 41; ++i) g[k].push_back(float(i) * (samples - 3));
    }
    accumulate_range<float>(samples, all, 3, 40, g[0].data(), sum[0].data());
    accumulate_range<cpu::Vector<cpu::Native>>(samples, all, 3, 40, g[1].data(), sum[1].data());
    CHECK(g[0] == g[1]);
    CHECK(sum[0] == sum[1]);
  }
  for (int i = 3; i < 40; ++i) CHECK(g[0][std::size_t(i)] == float(i) * (5 * 2 - 2 * 1 - 1 * 2) / 8);
  CHECK(sum[0][2] == 0);
  CHECK(sum[0][40] == 0);
}
