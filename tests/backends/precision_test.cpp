// The gradients of Cpu are as exact as PyTorch's in float32, up to a factor of 4: where a channel's mean is up to 1000
// times its deviation, and where a BatchNorm sees two samples. Expected: tests/golden/golden_precision.py, which draws
// the same parameters and images; exact numbers by Reference<double>, which equals PyTorch in double to 1e-13.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>

#include "../support/close.hpp"
#include "../support/golden.hpp"
#include "../support/plan_run.hpp"

namespace {

using namespace tinycnn;

constexpr int seeds = 33;
constexpr double allowed_factor = 4;

using Padded = Sequential<Conv2d<3, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>, Conv2d<16, 16, 3, Padding<1>>,
                          BatchNorm<16>, ReLU, MaxPool<2>, Flatten, Linear<256, 5>>;
using Unpadded = Sequential<Conv2d<3, 16, 3, NoBias>, BatchNorm<16>, ReLU, Conv2d<16, 8, 3, NoBias>, BatchNorm<8>,
                            Flatten, Linear<512, 5>>;
using Branches = Sequential<
    Conv2d<3, 8, 7, Padding<4>>, BatchNorm<8>, ReLU,
    Concat<Identity, Sequential<Conv2d<8, 5, 3, Padding<2>, Dilation<2>>, ReLU, Residual<Identity, Identity>>>,
    GlobalAvgPool, Flatten, BatchNorm<13>, Linear<13, 33>, Linear<33, 5>>;

/// As `fill` in golden_precision.py.
template <class Backend>
void draw(PlanRun<Backend>& run, std::uint64_t seed) {
  for (int k = 0; k < run.graph().parameter_count; ++k) {
    const Parameter& p = run.graph().parameters[k];
    if (p.buffer) continue;
    const bool gamma = p.rank == 1 && p.name == "weight";
    const double bound = p.rank > 1 ? 1.5 / std::sqrt(double(p.size() / p.extents[0])) : 0.5;
    for (long i = 0; i < p.size(); ++i) {
      const double u = drawn(seed, std::uint64_t(k), i);
      run.state().at(p, i) = float(gamma ? (u < 0 ? u - 0.5 : u + 0.5) : u * bound);
    }
  }
}

/// Logits and gradients of one step, by the keys of golden_precision.py.
template <class Backend>
std::map<std::string, std::vector<double>> results(PlanRun<Backend> run, std::uint64_t seed, double shift, int n) {
  draw(run, seed);
  std::vector<double> images = drawn_images(seed, n, run.graph().input.size());
  for (double& pixel : images) pixel = double(float(pixel + shift));
  run.forward(images, drawn_labels(seed, n, 5), n);
  std::map<std::string, std::vector<double>> all{{"logits", run.output()}};
  run.backward();
  all["dx"] = run.input_gradient();
  for (int k = 0; k < run.graph().parameter_count; ++k)
    if (const Parameter& p = run.graph().parameters[k]; !p.buffer) all[std::to_string(k)] = run.gradient(p);
  return all;
}

template <class Net, class Input>
void check_precision(const std::string& name, int n) {
  const Golden golden("precision");
  for (const int shift : {0, 10, 100, 1000}) {
    std::map<std::string, std::vector<double>> errors;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const auto exact = results(plan_run<Net, Input, EveryGradient, Reference<double>>(n), seed, shift, n);
      for (const auto& [key, got] : results(plan_run<Net, Input, EveryGradient, Cpu<>>(n), seed, shift, n))
        errors[key].push_back(distance(got, exact.at(key)).rms);
    }
    int checked = 0;
    for (auto& [key, of_seeds] : errors) {
      const std::string entry = name + "/" + std::to_string(shift) + "/" + key;
      if (!golden.has(entry)) continue;  // a gradient that is 0
      std::sort(of_seeds.begin(), of_seeds.end());
      INFO(entry);
      CHECK(of_seeds[seeds / 2] <= allowed_factor * golden.number(entry));
      ++checked;
    }
    CHECK(checked >= 9);
  }
}

TEST_CASE("gradients are within 4 times the error of PyTorch's float32: images far from 0, padded, pooled") {
  check_precision<Padded, Image<3, 16, 16>>("Padded", 2);
}

TEST_CASE("gradients are within 4 times the error of PyTorch's float32: means of 1000 deviations") {
  check_precision<Unpadded, Image<3, 12, 12>>("Unpadded", 4);
}

TEST_CASE("gradients are within 4 times the error of PyTorch's float32: a BatchNorm of two samples") {
  check_precision<Branches, Image<3, 16, 16>>("Branches", 2);
}

}  // namespace
