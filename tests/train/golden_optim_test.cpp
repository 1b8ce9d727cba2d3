// Optimizers, gradient clipping and learning rate schedules compared with PyTorch in double (golden/optim.safetensors).
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/optim/adam.hpp>
#include <tinycnn/optim/sgd.hpp>
#include <tinycnn/optim/update_range.hpp>
#include <tinycnn/schedules/constant.hpp>
#include <tinycnn/schedules/cosine_annealing.hpp>
#include <tinycnn/schedules/linear_warmup.hpp>
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
  std::vector<double> w = golden().values(name + "/w0"), g(w.size()), slot0(w.size()), slot1(w.size());
  int compared = 0;
  for (int t = 1; t <= 100; ++t) {
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = std::sin(0.1 * t * double(i + 1));
    const auto factors = optimizer.template factors<double>(t, setting(name, "lr"));
    update_range<Optimizer, double>(factors, 1.0, 0, long(w.size()), w.data(), g.data(), slot0.data(), slot1.data());
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

TEST_CASE("PyTorch's numbers: SGD, with and without momentum") {
  check_optimizer("sgd", SGD{.weight_decay = setting("sgd", "weight_decay")});
  check_optimizer("sgd_momentum", SGD{.weight_decay = setting("sgd_momentum", "weight_decay"),
                                      .momentum = setting("sgd_momentum", "momentum")});
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

TEST_CASE("optimizers: updates on vector registers are bitwise equal to scalar updates") {
  const auto check = []<class Optimizer>(const Optimizer& optimizer) {
    constexpr long first = 3, last = 3 + 5 * 16 + 7;
    std::vector<float> w[2], slot0[2], slot1[2], g;
    for (long i = 0; i < last + 2; ++i) {
      g.push_back(std::sin(float(i)));
      for (int k : {0, 1}) {
        w[k].push_back(std::cos(float(i)));
        slot0[k].push_back(0.1f * float(i % 7));
        slot1[k].push_back(0.01f * float(i % 5));
      }
    }
    const std::vector<float> before = w[0];
    const auto factors = optimizer.template factors<float>(3, 1e-2);
    update_range<Optimizer, float>(factors, 0.5f, first, last, w[0].data(), g.data(), slot0[0].data(), slot1[0].data());
    update_range<Optimizer, cpu::Vector<cpu::Native>>(factors, 0.5f, first, last, w[1].data(), g.data(),
                                                      slot0[1].data(), slot1[1].data());
    CHECK(w[0] == w[1]);
    CHECK(slot0[0] == slot0[1]);
    CHECK(slot1[0] == slot1[1]);
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK((w[1][i] != before[i]) == (long(i) >= first && long(i) < last));
  };
  check(Adam{.weight_decay = 0.1});
  check(SGD{.weight_decay = 0.1, .momentum = 0.9});
}
