// Parameters under PyTorch's names: the keys of the example networks (golden/*_keys.txt, written by PyTorch), files
// that do not depend on a backend's layout, errors for wrong files, and initial values.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../../examples/networks/hw3_classifier.hpp"
#include "../../examples/networks/resnet.hpp"
#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

template <class Net>
std::string keys_of() {
  const Graph& graph = graph_of<Net, Image<3, 128, 128>, CrossEntropy>;
  std::string text;
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    text += parameter_name(graph, p) + " (";
    for (int e = 0; e < p.rank; ++e) {
      if (e > 0) text += ',';
      text += std::to_string(p.extents[e]);
    }
    text += ")\n";
  }
  return text;
}

std::string golden_keys(const std::string& name) {
  return read_file(std::string(TINYCNN_GOLDEN_DIR) + "/" + name + "_keys.txt");
}

/// A network with every kind of parameter, and with a BatchNorm and a Linear on the features of a flattened image.
struct EveryAxis : Sequential<Conv2d<4, 6, 3, Groups<2>>, BatchNorm<6>, ReLU, Flatten, BatchNorm<24>, Linear<24, 5>> {};
using Input = Image<4, 4, 4>;
constexpr const Graph& graph = graph_of<EveryAxis, Input, CrossEntropy>;

/// The elements of `EveryAxis` in a backend's memory and layout.
template <class Backend>
struct StateMemory {
  using T = typename Backend::Compute;
  explicit StateMemory(std::uint64_t seed) { initialize(state(), seed); }
  [[nodiscard]] NetworkState<T> state() const { return {&graph, Backend::order, parameters.host(), buffers.host()}; }
  mutable Backend backend{1};
  mutable typename Backend::template Memory<T> parameters{backend, graph.trained_storage},
      buffers{backend, graph.buffer_storage};
};

/// Changes every element of a state.
template <class T>
void fill_with_counts(const NetworkState<T>& state) {
  int count = 0;
  for (int k = 0; k < graph.parameter_count; ++k)
    for (long i = 0; i < graph.parameters[k].size(); ++i) state.at(graph.parameters[k], i) = T(++count);
}

/// The tensors of an `EveryAxis` as in a file, to be modified before they are written.
struct Tensors {
  struct One {
    std::string name;
    std::vector<long> shape;
    std::vector<float> values;
    std::vector<std::int64_t> counter;  // used instead for num_batches_tracked
  };
  std::vector<One> all;

  Tensors() {
    for (int k = 0; k < graph.parameter_count; ++k) {
      const Parameter& p = graph.parameters[k];
      One one{parameter_name(graph, p), {p.extents, p.extents + p.rank}, {}, {}};
      if (p.integer)
        one.counter = {7};
      else
        one.values.assign(std::size_t(p.size()), 0.5f);
      all.push_back(one);
    }
  }
  One& operator[](const std::string& name) {
    for (One& one : all)
      if (one.name == name) return one;
    throw Error("no tensor " + name);
  }
  void write(const std::string& path) const {
    SafetensorsWriter writer;
    for (const One& one : all) {
      if (one.counter.empty())
        writer.add(one.name, one.shape, one.values.data());
      else
        writer.add(one.name, one.shape, one.counter.data());
    }
    writer.write(path);
  }
};

/// The error message of loading `tensors`, or "". Checks that the state is unchanged after an error.
std::string load_error(const Tensors& tensors) {
  const ScratchFolder folder;
  const std::string path = folder / "weights.safetensors";
  tensors.write(path);
  const StateMemory<Cpu<>> got(1), before(1);
  const std::string error = error_of([&] { load_state(path, got.state()); });
  bool changed = false;
  for (int k = 0; k < graph.parameter_count; ++k)
    for (long i = 0; i < graph.parameters[k].size(); ++i)
      changed = changed || got.state().at(graph.parameters[k], i) != before.state().at(graph.parameters[k], i);
  CHECK(changed == error.empty());
  CHECK(!contains(error, "\n"));
  if (!error.empty()) CHECK(contains(error, path));
  return error;
}

}  // namespace

TEST_CASE("the networks have PyTorch's names, shapes and order") {
  CHECK(keys_of<networks::Classifier>() == golden_keys("hw3"));
  CHECK(keys_of<networks::ResNet18>() == golden_keys("resnet18"));
  CHECK(keys_of<networks::CourseResNet18>() == golden_keys("course_resnet18"));
  CHECK(keys_of<networks::ResNet50>() == golden_keys("resnet50"));
}

TEST_CASE("a file of weights does not depend on the backend that wrote it") {
  const ScratchFolder folder;
  const StateMemory<Reference<float>> plain(1);
  const StateMemory<Reference<double>> precise(1);
  const StateMemory<Cpu<>> fast(1);
  const StateMemory<Remote<Cpu<>>> far(1);
  fill_with_counts(far.state());
  (void)far.parameters.data();  // now they are on the device
  fill_with_counts(plain.state());
  fill_with_counts(precise.state());
  fill_with_counts(fast.state());
  bool other_layout = false;
  for (long i = 0; i < graph.trained_storage; ++i)
    other_layout = other_layout || plain.parameters.read()[i] != fast.parameters.read()[i];
  CHECK(other_layout);

  save_state(folder / "plain", plain.state());
  save_state(folder / "precise", precise.state());
  save_state(folder / "fast", fast.state());
  const std::string bytes = read_file(folder / "plain");
  CHECK(read_file(folder / "precise") == bytes);
  CHECK(read_file(folder / "fast") == bytes);
  save_state(folder / "far", far.state());
  CHECK(read_file(folder / "far") == bytes);

  const StateMemory<Cpu<>> loaded(2);
  load_state(folder / "plain", loaded.state());
  save_state(folder / "again", loaded.state());
  CHECK(read_file(folder / "again") == bytes);
  for (long i = 0; i < graph.trained_storage; ++i) CHECK(loaded.parameters.read()[i] == fast.parameters.read()[i]);

  // The file has PyTorch's order: the last element of the last matrix is that with the highest index.
  const SafetensorsFile file(folder / "fast");
  std::vector<float> weight(5 * 24);
  file.read("5.weight", {5, 24}, weight.data());
  for (std::size_t i = 1; i < weight.size(); ++i) CHECK(weight[i] == weight[i - 1] + 1);
}

TEST_CASE("weights in float64 are loaded too") {
  const ScratchFolder folder;
  Tensors tensors;
  SafetensorsWriter writer;
  std::vector<std::vector<double>> values;
  for (const Tensors::One& one : tensors.all) values.emplace_back(one.values.begin(), one.values.end());
  for (std::size_t k = 0; k < values.size(); ++k) {
    const Tensors::One& one = tensors.all[k];
    if (one.counter.empty())
      writer.add(one.name, one.shape, values[k].data());
    else
      writer.add(one.name, one.shape, one.counter.data());
  }
  writer.write(folder / "double");
  const StateMemory<Cpu<>> got(1);
  load_state(folder / "double", got.state());
  CHECK(got.state().at(graph.parameters[0], 3) == 0.5f);
}

TEST_CASE("a counter that is missing is 0, as for torch.load_state_dict") {
  const ScratchFolder folder;
  Tensors tensors, without;
  std::erase_if(without.all, [](const Tensors::One& one) { return !one.counter.empty(); });
  REQUIRE(without.all.size() + 2 == tensors.all.size());
  tensors.write(folder / "with");
  without.write(folder / "without");
  const StateMemory<Cpu<>> a(1), b(2);
  load_state(folder / "with", a.state());
  load_state(folder / "with", b.state());
  load_state(folder / "without", b.state());
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    CAPTURE(p.name);
    for (long i = 0; i < p.size(); ++i) CHECK(b.state().at(p, i) == (p.integer ? 0 : a.state().at(p, i)));
    if (p.integer) CHECK(a.state().at(p, 0) == 7);
  }
}

TEST_CASE("the error for a file that does not match names the tensor, and nothing is changed") {
  Tensors tensors;
  CHECK(load_error(tensors) == "");

  SUBCASE("a tensor is missing, another unknown") {
    tensors["1.running_mean"].name = "1.running_men";
    const std::string error = load_error(tensors);
    CHECK(contains(error, "missing 1.running_mean"));
    CHECK(contains(error, "unexpected 1.running_men"));
  }
  SUBCASE("an unexpected tensor") {
    tensors.all.push_back({"6.weight", {1}, {0.5f}, {}});
    CHECK(contains(load_error(tensors), "unexpected 6.weight"));
  }
  SUBCASE("a wrong shape") {
    tensors["5.weight"].shape = {24, 5};
    const std::string error = load_error(tensors);
    CHECK(contains(error, "'5.weight'"));
    CHECK(contains(error, "(24, 5)"));
    CHECK(contains(error, "(5, 24)"));
  }
  SUBCASE("NaN in the last tensor") {
    tensors["5.bias"].values[4] = std::numeric_limits<float>::quiet_NaN();
    const std::string error = load_error(tensors);
    CHECK(contains(error, "'5.bias'"));
    CHECK(contains(error, "not finite"));
  }
  SUBCASE("integers instead of floats") {
    tensors["5.bias"].counter = {1, 2, 3, 4, 5};
    const std::string error = load_error(tensors);
    CHECK(contains(error, "'5.bias'"));
    CHECK(contains(error, "I64"));
  }
}

TEST_CASE("initial values have PyTorch's distributions and are the same on every backend") {
  const StateMemory<Reference<float>> plain(6666);
  const StateMemory<Cpu<>> fast(6666), other_seed(1);
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    const std::string name = parameter_name(graph, p);
    CAPTURE(name);
    bool same = true, differs = false;
    double largest = 0, sum = 0, smallest = 1;
    for (long i = 0; i < p.size(); ++i) {
      const float value = plain.state().at(p, i);
      same = same && value == fast.state().at(p, i);
      differs = differs || value != other_seed.state().at(p, i);
      largest = std::fmax(largest, std::abs(double(value)));
      smallest = std::fmin(smallest, std::abs(double(value)));
      sum += double(value);
    }
    CHECK(same);
    // fan_in: 2 channels of 3 x 3 per group; 24 features.
    const double bound = name[0] == '0' ? 1 / std::sqrt(18.0) : name[0] == '5' ? 1 / std::sqrt(24.0) : 0;
    if (bound > 0) {
      CHECK(differs);
      CHECK(largest <= bound);
      if (p.size() < 100) continue;
      CHECK(largest > 0.95 * bound);  // with 100 draws or more it fails by chance once in 170 times; the seed is fixed
      CHECK(smallest < 0.05 * bound);
      CHECK(std::abs(sum / double(p.size())) < 4 * bound / std::sqrt(3 * double(p.size())));  // four standard errors
    } else {
      const double expected = p.name == "weight" || p.name == "running_var" ? 1 : 0;
      CHECK(sum == expected * double(p.size()));
      CHECK(largest == expected);
    }
  }
}
