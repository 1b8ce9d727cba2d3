// Groups of parameters: PyTorch's numbers on every backend, what a rule can ask for, and what is rejected.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/close.hpp"
#include "../support/golden.hpp"
#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

using Net = Sequential<Linear<3, 2>, BatchNorm<2>, Linear<2, 2>>;
constexpr const Graph& graph = graph_of<Net, Features<3>, CrossEntropy>;

int plain_if_bias_or_norm(const ParameterName& p) { return p.kind == &batch_norm || p.name.ends_with("bias") ? 1 : 0; }

template <class Optimizer, class Backend>
using ModelOn = Trainer<Net, Features<3>, Batch<4>, CrossEntropy, Optimizer, Constant, Backend>;

const std::vector<float> images{0.1f, 0.5f, -0.3f, 0.8f, -0.2f, 0.4f, 0.9f, 0.6f, -0.7f, 0.2f, -0.5f, 0.3f};  // (4, 3)
const std::vector<int> labels{0, 1, 1, 0};

template <class Model>
std::string bytes_of(Model& model, const ScratchFolder& folder) {
  model.save_checkpoint(folder / "bytes");
  return read_file(folder / "bytes");
}

}  // namespace

TEST_CASE_TEMPLATE("PyTorch's numbers: AdamW in two groups", Backend, Reference<double>, Cpu<>,
                   Remote<Reference<double>>, Remote<Cpu<>>) {
  using T = typename Backend::Compute;
  const Golden golden("optim");
  Backend backend(2);
  typename Backend::template Memory<T> w(backend, graph.trained_storage), g(backend, graph.trained_storage);
  const auto key = [](int t, const Parameter& p) {
    return "adamw_groups/w" + std::to_string(t) + "/" + parameter_name(graph, p);
  };
  const auto for_trained = [](auto&& f) {
    int index = 0;
    for (int k = 0; k < graph.parameter_count; ++k)
      if (!graph.parameters[k].buffer) f(graph.parameters[k], index++);
    CHECK(index == 6);
  };
  const NetworkState<T> start{&graph, Backend::order, w.host(), nullptr};
  for_trained([&](const Parameter& p, int) {
    for (long i = 0; i < p.size(); ++i) start.at(p, i) = T(golden.values(key(0, p))[std::size_t(i)]);
  });

  const ParameterGroups<AdamW, 2> options{
      .rule = plain_if_bias_or_norm,
      .groups = {{{.optimizer = {.weight_decay = 0.1}}, {.optimizer = {.weight_decay = 0}, .rate_factor = 10}}}};
  OptimizerState<ParameterGroups<AdamW, 2>, Backend> optimizer(backend, options, graph);
  for (int t = 1; t <= 100; ++t) {
    const NetworkState<T> gradients{&graph, Backend::order, g.host(), nullptr};
    for_trained([&](const Parameter& p, int index) {
      for (long i = 0; i < p.size(); ++i) gradients.at(p, i) = T(std::sin(0.1 * t * double(10 * index + i + 1)));
    });
    Execution<Backend> run;
    run.backend = &backend;
    run.parameters = w.data();
    run.gradients = g.data();
    optimizer.update(run, t, 0.01, T(1));
    if (t != 1 && t != 2 && t != 10 && t != 100) continue;
    const NetworkState<const T> now{&graph, Backend::order, w.read(), nullptr};
    for_trained([&](const Parameter& p, int) {
      std::vector<double> got;
      for (long i = 0; i < p.size(); ++i) got.push_back(double(now.at(p, i)));
      check_close(key(t, p), got, golden.values(key(t, p)), sizeof(T) == 8 ? 1e-12 : 2e-5);
    });
  }
}

TEST_CASE("groups of equal options have the bits of one group; the ranges of groups cross blocks") {
  using Wide = Sequential<Linear<300, 250>, ReLU, Linear<250, 3>>;  // the first weight spans three blocks
  const auto bits = []<class Optimizer>(const Optimizer& optimizer, int threads) {
    using Model = Trainer<Wide, Features<300>, Batch<4>, CrossEntropy, Optimizer, Constant, Cpu<>>;
    Model model({.optimizer = optimizer, .schedule = {1e-2}, .seed = 2, .threads = threads});
    std::vector<float> x(1200);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = uniform(5, 6, i);
    for (int step = 0; step < 3; ++step) model.step(x.data(), labels.data(), 4);
    const auto state = std::as_const(model).state();
    return std::vector<float>(state.parameters, state.parameters + Model::graph.trained_storage);
  };
  const AdamW each{.weight_decay = 0.1};
  const ParameterGroups<AdamW, 3> groups{.rule = [](const ParameterName& p) { return p.rank == 1 ? 2 : 0; },
                                         .groups = {{{.optimizer = each}, {}, {.optimizer = each}}}};
  const std::vector<float> alone = bits(each, 1);
  CHECK(bits(groups, 1) == alone);
  CHECK(bits(groups, 3) == alone);
}

TEST_CASE("a group's initial values and rate are its own") {
  using Model = ModelOn<ParameterGroups<Adagrad, 2>, Cpu<>>;
  const Model::Options options{
      .optimizer = {.rule = [](const ParameterName& p) { return p.name == "2.bias" ? 1 : 0; },
                    .groups = {{{.rate_factor = 0}, {.optimizer = {.initial_accumulator_value = 3}}}}},
      .schedule = {0.5}};
  Model model(options);
  const auto parameter = [&](int k, int i) { return model.state().at(Model::graph.parameters[k], i); };
  const int last = Model::graph.parameter_count - 1;
  CHECK(parameter_name(graph, graph.parameters[last]) == "2.bias");
  const float weight = parameter(0, 0), bias = parameter(last, 0);
  const StepResult result = model.step(images.data(), labels.data(), 4);
  CHECK(result.rate == 0.5);
  CHECK(parameter(0, 0) == weight);  // its factor is 0
  const double g = double(model.gradient_state().at(graph.parameters[last], 0));
  CHECK(parameter(last, 0) == doctest::Approx(double(bias) - 0.5 * g / std::sqrt(3 + g * g)).epsilon(1e-6));
}

TEST_CASE_TEMPLATE("a checkpoint of groups restores bitwise; one of other groups or optimizers is refused", Backend,
                   Cpu<>, Remote<Cpu<>>) {
  const ScratchFolder folder;
  using Model = ModelOn<ParameterGroups<AdamW, 2>, Backend>;
  const typename Model::Options options{
      .optimizer = {.rule = plain_if_bias_or_norm, .groups = {{{}, {.optimizer = {.weight_decay = 0}}}}},
      .schedule = {1e-2}};
  Model whole(options), again(options);
  for (int i = 0; i < 2; ++i) whole.step(images.data(), labels.data(), 4);
  whole.save_checkpoint(folder / "groups");
  again.load_checkpoint(folder / "groups");
  for (Model* each : {&whole, &again}) each->step(images.data(), labels.data(), 4);
  CHECK(bytes_of(again, folder) == bytes_of(whole, folder));

  ModelOn<AdamW, Backend> alone({.schedule = {1e-2}});
  alone.save_checkpoint(folder / "alone");
  ModelOn<Adam, Backend> adam({.schedule = {1e-2}});
  adam.save_checkpoint(folder / "adam");
  ModelOn<SGD, Backend> sgd({.schedule = {1e-2}});
  typename Model::Options others = options;
  others.optimizer.rule = [](const ParameterName& p) { return p.rank == 1 ? 0 : 1; };
  Model other(others);
  ModelOn<ParameterGroups<AdamW, 3>, Backend> three(
      {.optimizer = {.rule = [](const ParameterName& p) { return p.name == "1.bias" ? 2 : plain_if_bias_or_norm(p); }},
       .schedule = {1e-2}});
  const auto told = [&](auto& model, const std::string& file) {
    const std::string before = bytes_of(model, folder);
    const std::string error = error_of([&] { model.load_checkpoint(folder / file); });
    CHECK(bytes_of(model, folder) == before);
    return error.substr(error.find("' ") + 2);
  };
  CHECK(told(alone, "groups") == "has groups of parameters, this Trainer's optimizer has none");
  CHECK(told(whole, "alone") == "has no groups of parameters, this Trainer's optimizer has them");
  CHECK(told(other, "groups") == "has 0.weight in group 0 of the optimizer, this Trainer in group 1");
  CHECK(told(three, "groups") == "has 1.bias in group 1 of the optimizer, this Trainer in group 2");
  CHECK(told(adam, "alone") == "has the state of AdamW, this Trainer's optimizer is Adam");
  CHECK(told(alone, "adam") == "has the state of Adam, this Trainer's optimizer is AdamW");
  CHECK(told(sgd, "adam") == "has the state of Adam, this Trainer's optimizer is SGD");
}

TEST_CASE("invalid groups are rejected") {
  using Groups = ParameterGroups<AdamW, 2>;
  const auto told = [](const Groups& groups) {
    return error_of([&] { const ModelOn<Groups, Cpu<>> model({.optimizer = groups, .schedule = {1e-2}}); });
  };
  CHECK(told({}) == "ParameterGroups needs a rule, which gives every parameter the index of its group");
  CHECK(told({.rule = [](const ParameterName& p) { return p.rank; }}) ==
        "the rule of ParameterGroups puts 0.weight into group 2; the groups are 0 to 1");
  CHECK(contains(told({.rule = [](const ParameterName&) { return -1; }}), "into group -1"));
  CHECK(told({.rule = plain_if_bias_or_norm, .groups = {{{}, {.rate_factor = -1}}}}) ==
        "the rate_factor of group 1 is -1; it must be finite and not negative");
  CHECK(told({.rule = plain_if_bias_or_norm, .groups = {{{}, {.optimizer = {.weight_decay = -1}}}}}) ==
        "AdamW's weight_decay must be 0 or more");
  CHECK(told({.rule = plain_if_bias_or_norm}) == "");
}
