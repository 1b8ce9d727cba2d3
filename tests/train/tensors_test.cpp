// Non-owning tensors: PyTorch's index finds every element of a parameter or an activation, regardless of the backend's
// layout, and values that do not exist are rejected.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>
#include <tinycnn/train/tensors.hpp>

#include "../support/close.hpp"
#include "../support/nets.hpp"
#include "../support/scratch_folder.hpp"

using namespace tinycnn;

namespace {

template <class Net, class Input, class Backend>
using Training = Trainer<Net, Input, Batch<4>, CrossEntropy, SGD, Constant, Backend>;
constexpr int labels[4] = {0, 1, 2, 1};

template <class Net, class Input, class Backend>
void check_parameters() {
  Training<Net, Input, Backend> model({.seed = 3});
  const auto state = model.state();
  for (int k = 0; k < model.graph.parameter_count; ++k) {
    const Parameter& p = model.graph.parameters[k];
    const auto t = tensor_of(state, parameter_name(model.graph, p));
    CAPTURE(t.name);
    REQUIRE(t.rank() == p.rank);
    REQUIRE(t.size() == p.size());
    int strays = 0;
    for (long i = 0; i < p.size(); ++i) strays += &t.element(i) == &state.at(p, i) ? 0 : 1;
    CHECK(strays == 0);
    if (p.rank == 0) continue;
    const long part = p.size() / p.extents[0];
    for (long first = 0; first < p.extents[0]; ++first)
      for (long i = 0; i < part; ++i) strays += &t[first].element(i) == &state.at(p, first * part + i) ? 0 : 1;
    CHECK(strays == 0);
  }
}

std::vector<float> drawn(long count) {
  std::vector<float> images(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = uniform(17, 1, i);
  return images;
}

/// The values of the training plan after a step, each in PyTorch's order; empty if not available.
template <class Net, class Input, class Backend>
std::vector<std::vector<double>> left_values() {
  Training<Net, Input, Backend> model({.seed = 3});
  const std::vector<float> images = drawn(4 * Input::dims.size());
  model.step(images.data(), labels, 4);
  const auto run = model.execution(model.plan, 4);
  std::vector<std::vector<double>> all;
  for (int v = 0; v < model.graph.node_count; ++v) {
    all.emplace_back();
    const std::string error = error_of([&] {
      const auto t = tensor_of(run, v);
      REQUIRE(t.size() == 4 * model.graph.dims(v).size());
      for (long i = 0; i < t.size(); ++i) all.back().push_back(double(t.element(i)));
    });
    CHECK(all.back().empty() == contains(error, "ForwardPrefix<" + std::to_string(v) + ">"));
  }
  CHECK(contains(error_of([&] { (void)tensor_of(run, model.graph.node_count + 1); }), "is not one of 0 to"));
  return all;
}

template <class Net, class Input>
int compare_values() {
  const auto expected = left_values<Net, Input, Reference<double>>(), got = left_values<Net, Input, Cpu<>>();
  int compared = 0;
  for (std::size_t v = 0; v < expected.size(); ++v)
    if (!expected[v].empty() && !got[v].empty()) {
      check_close("value " + std::to_string(v), got[v], expected[v], 1e-5);
      ++compared;
    }
  return compared;
}

}  // namespace

TEST_CASE("tensor_of and state().at agree on the elements of a parameter") {
  check_parameters<nets::SmallHw3, nets::SmallHw3Input, Cpu<>>();
  check_parameters<nets::SmallHw3, nets::SmallHw3Input, Reference<>>();
  check_parameters<nets::FlatThenNorm, nets::Picture, Cpu<>>();
  check_parameters<nets::FlatThenNorm, nets::Picture, Reference<double>>();
}

TEST_CASE("the error for an unknown parameter names an existing one") {
  Training<nets::SmallHw3, nets::SmallHw3Input, Cpu<>> model({});
  const std::string error = error_of([&] { (void)tensor_of(model.state(), "1.wight"); });
  CHECK(contains(error, "no parameter '1.wight'"));
  CHECK(contains(error, "'0.weight'"));
  CHECK(contains(error_of([&] { (void)tensor_of(model.state(), "1.weight")[5]; }), "index 5"));
}

TEST_CASE("activations of a training step are those of plain loops, and overwritten ones are rejected") {
  CHECK(compare_values<nets::SmallHw3, nets::SmallHw3Input>() >= 2);
  CHECK(compare_values<nets::SmallResNet, nets::SmallResNetInput>() >= 2);
}

TEST_CASE("predict can return a view of the plan's memory, and predict_all accepts any number of samples") {
  const ScratchFolder folder;
  Training<nets::SmallHw3, nets::SmallHw3Input, Cpu<>> model({.seed = 3});
  model.save(folder / "net.safetensors");
  Predictor<nets::SmallHw3, nets::SmallHw3Input, Batch<4>, Cpu<>, ForwardPrefix<8>> network(folder / "net.safetensors",
                                                                                            1);
  const long size = network.output.size();  // (7, 2, 2)
  const std::vector<float> images = drawn(10 * nets::SmallHw3Input::dims.size());
  std::vector<float> one(std::size_t(4 * size)), all(std::size_t(10 * size), -1);
  network.predict(images.data(), 4, one.data());
  const Tensor<const float> left = tensor_of(network.predict(images.data(), 4), 4);
  for (long i = 0; i < left.size(); ++i) CHECK(left.element(i) == one[std::size_t(i)]);

  network.predict_all(images.data(), 10, all.data());
  for (long i = 0; i < left.size(); ++i) CHECK(all[std::size_t(i)] == one[std::size_t(i)]);
  network.predict(images.data() + 8 * nets::SmallHw3Input::dims.size(), 2, one.data());
  for (long i = 0; i < 2 * size; ++i) CHECK(all[std::size_t(8 * size + i)] == one[std::size_t(i)]);
}
