// A custom layer sees its parameters and gradients as PyTorch's tensors on every backend: for every `Axes`, on images,
// on flat samples and on flattened images. Files, state().at and tensor_of agree with that.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>
#include <tinycnn/train/tensors.hpp>

#include "../support/close.hpp"
#include "../support/layer_run.hpp"
#include "../support/scratch_folder.hpp"

using namespace tinycnn;

namespace {

/// The effect of element e of parameter p on output k, different for all elements.
double effect(int p, long e, long k) { return 0.1 * std::sin(1 + 2.3 * p + 0.71 * double(e) + 0.37 * double(k)); }

/// The gradients that the last backward pass had to compute, one bit per parameter.
unsigned wanted_gradients = 0;

inline constexpr Kind weighted{.name = "Weighted"};
constexpr int weighted_parameters = 12, weighted_buffer = 3;

/// y[n, k] = x[n, k] (1 + sum over every element e of every parameter p of effect(p, e, k) p[e]) for samples of 24
/// values in any form. Forward reads by indices, backward by element.
struct Weighted {
  static constexpr const Kind& kind = weighted;
  static constexpr const Mistake* accepts(Dims x) { return x.size() == 24 ? nullptr : &mistakes::wrong_features; }
  static constexpr Dims wants(Dims x) { return {24, 1, 1, x.flat}; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr long macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList& list) {
    const Initializer drawn = uniform_by_fan_in(24);
    list.add({"scalar", Axes::scalar, {1, 1, 1, 1}, 0, drawn});
    list.channel("channel", 6, drawn);
    list.channel("feature", 24, drawn);
    list.channel_buffer("buffer", 24, ones);
    list.matrix("squeeze", 2, 6, drawn);
    list.matrix("excite", 6, 2, drawn);
    list.matrix("dense", 3, 24, drawn);
    list.matrix("wide", 2, 50, drawn);
    list.matrix("column", 24, 1, drawn);
    list.kernel("kernel", 4, 3, 3, drawn);
    list.add({"oblong", Axes::kernel, {2, 3, 2, 5}, 4, drawn});
    list.add({"free", Axes::free, {2, 3, 4, 1}, 3, drawn});
  }

  template <class T>
  static void forward(const OwnCall<T>& call) {
    for (int k = 0; k < 24; ++k) {
      T factor = 1;
      for (int p = 0; p < weighted_parameters; ++p) {
        const ParameterView<const T> v = call.parameters[p];
        long e = 0;
        for (int a = 0; a < v.extents[0]; ++a)
          for (int b = 0; b < v.extents[1]; ++b)
            for (int c = 0; c < v.extents[2]; ++c)
              for (int d = 0; d < v.extents[3]; ++d) factor += T(effect(p, e++, k)) * v(a, b, c, d);
      }
      for (int n = 0; n < call.n; ++n) call.out(n, k) = call.x(n, k) * factor;
    }
  }

  template <class T>
  static void backward(const OwnCall<T>& call) {
    wanted_gradients = 0;
    for (int p = 0; p < weighted_parameters; ++p) {
      const ParameterView<T> dv = call.gradients[p];
      if (!dv.wanted()) continue;
      wanted_gradients |= 1U << p;
      for (long e = 0; e < dv.size(); ++e) {
        dv[e] = 0;
        for (int n = 0; n < call.n; ++n)
          for (int k = 0; k < 24; ++k) dv[e] += T(effect(p, e, k)) * call.x(n, k) * call.dy(n, k);
      }
    }
    if (call.dx.data == nullptr) return;
    for (int k = 0; k < 24; ++k) {
      T factor = 1;
      for (int p = 0; p < weighted_parameters; ++p)
        for (long e = 0; e < call.parameters[p].size(); ++e) factor += T(effect(p, e, k)) * call.parameters[p][e];
      for (int n = 0; n < call.n; ++n) call.dx(n, k) = call.dy(n, k) * factor;
    }
  }
};

constexpr unsigned all_but_the_buffer = ((1U << weighted_parameters) - 1) & ~(1U << weighted_buffer);

std::vector<double> drawn_values(std::uint64_t stream, long count) {
  std::vector<double> values;
  for (long i = 0; i < count; ++i) values.push_back(double(2 * uniform(41, stream, std::uint64_t(i)) - 1));
  return values;
}

/// Checks a backend against the equations above, with elements counted in PyTorch's order.
template <class Backend, class Net, class Input>
void check_equations() {
  constexpr const Graph& graph = graph_of<Net, Input, UpstreamLoss>;
  constexpr int samples = 3;
  LayerInputs given{drawn_values(1, samples * 24), drawn_values(2, samples * 24), std::vector<int>(samples), {}};
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    given.state.push_back({parameter_name(graph, p), drawn_values(std::uint64_t(3 + k), p.size())});
  }
  const LayerValues got = run_layer<Backend, Net, Input, UpstreamLoss, EveryGradient>(given);
  CHECK(wanted_gradients == all_but_the_buffer);
  CHECK(got.padding_is_zero);

  std::vector<double> y, dx;
  for (std::size_t i = 0; i < samples * 24; ++i) {
    double factor = 1;
    for (std::size_t p = 0; p < given.state.size(); ++p)
      for (std::size_t e = 0; e < given.state[p].values.size(); ++e)
        factor += effect(int(p), long(e), long(i % 24)) * given.state[p].values[e];
    y.push_back(given.x[i] * factor);
    dx.push_back(given.dy[i] * factor);
  }
  const double bound = sizeof(typename Backend::Compute) == 8 ? 1e-13 : 1e-5;
  check_close("y", got.y, y, bound);
  check_close("dx", got.dx, dx, bound);
  std::size_t trained = 0;
  for (std::size_t p = 0; p < given.state.size(); ++p) {
    if (int(p) == weighted_buffer) continue;
    std::vector<double> gradient;
    for (std::size_t e = 0; e < given.state[p].values.size(); ++e) {
      double sum = 0;
      for (std::size_t i = 0; i < samples * 24; ++i)
        sum += effect(int(p), long(e), long(i % 24)) * given.x[i] * given.dy[i];
      gradient.push_back(sum);
    }
    check_close("gradient of " + given.state[p].name, got.gradients[trained++].values, gradient, bound);
  }
}

template <class Backend>
void check_every_input() {
  check_equations<Backend, Sequential<Weighted>, Image<6, 2, 2>>();
  check_equations<Backend, Sequential<Weighted>, Features<24>>();
  check_equations<Backend, Sequential<Flatten, Weighted>, Image<6, 2, 2>>();
}

/// The layer on an image, on the flattened image, and on other features, among layers that Cpu fuses.
struct Mixed : Sequential<Conv2d<3, 6, 3, Padding<1>>, BatchNorm<6>, ReLU, MaxPool<2>,  // (6, 2, 2)
                          Weighted, ReLU, Flatten, Weighted, Linear<24, 24>, ReLU, Weighted, Linear<24, 5>> {};
using Input = Image<3, 4, 4>;
constexpr int batch_size = 4;
template <class Backend>
using Training = Trainer<Mixed, Input, Batch<batch_size>, CrossEntropy, SGD, Constant, Backend>;
constexpr const Graph& mixed = graph_of<Mixed, Input, CrossEntropy>;

struct Pictures {
  std::vector<float> images;  // (4, 3, 4, 4)
  int labels[batch_size] = {0, 4, 2, 1};
  Pictures() {
    for (const double number : drawn_values(99, batch_size * Input::dims.size())) images.push_back(float(number));
  }
};

template <class Model>
std::vector<double> logits_of(Model& model) {
  const Pictures pictures;
  std::vector<float> logits(batch_size * 5);
  model.evaluate(pictures.images.data(), pictures.labels, batch_size, logits.data());
  return {logits.begin(), logits.end()};
}

/// All elements of a state in PyTorch's order, without the counter.
template <class T>
std::vector<double> values_of(const NetworkState<T>& state) {
  std::vector<double> values;
  for (int k = 0; k < mixed.parameter_count; ++k)
    for (long i = 0; i < mixed.parameters[k].size(); ++i)
      if (!mixed.parameters[k].integer) values.push_back(double(state.at(mixed.parameters[k], i)));
  return values;
}

/// The number of elements whose `parameter_offset` is outside of 0 to size() - 1, or that of another element.
int faults_of_offset(Order order, const Layer& layer, const Parameter& p) {
  std::vector<char> taken(std::size_t(p.size()));
  int faults = 0;
  for (long i = 0; i < p.size(); ++i) {
    const long at = parameter_offset(order, layer, p, i);
    if (at < 0 || at >= p.size() || taken[std::size_t(at)])
      ++faults;
    else
      taken[std::size_t(at)] = 1;
  }
  return faults;
}

}  // namespace

TEST_CASE("a custom layer has parameters and gradients of every kind in PyTorch's order") {
  SUBCASE("Reference<double>") { check_every_input<Reference<double>>(); }
  SUBCASE("Reference") { check_every_input<Reference<>>(); }
  SUBCASE("Cpu") { check_every_input<Cpu<>>(); }
}

TEST_CASE("a custom layer need not compute gradients of parameters if only the input's is needed") {
  const LayerInputs given{
      drawn_values(1, 24), drawn_values(2, 24), {0}, [] {
        std::vector<NamedValues> state;
        constexpr const Graph& g = graph_of<Sequential<Weighted>, Features<24>, UpstreamLoss>;
        for (int k = 0; k < g.parameter_count; ++k)
          state.push_back({parameter_name(g, g.parameters[k]), drawn_values(std::uint64_t(k), g.parameters[k].size())});
        return state;
      }()};
  wanted_gradients = all_but_the_buffer;
  run_layer<Cpu<>, Sequential<Weighted>, Features<24>, UpstreamLoss, InputGradient>(given);
  CHECK(wanted_gradients == 0);
}

TEST_CASE("a network with custom layers trains alike on Cpu and Reference, and its file is the same") {
  const ScratchFolder folder;
  Training<Cpu<>> fast({.schedule = {1e-2}, .seed = 5, .threads = 2});
  Training<Reference<double>> plain({.schedule = {1e-2}, .seed = 5});
  check_close("first logits", logits_of(fast), logits_of(plain), 1e-5);

  const Pictures pictures;
  for (int step = 0; step < 3; ++step) {
    const StepResult got = fast.step(pictures.images.data(), pictures.labels, batch_size);
    const StepResult expected = plain.step(pictures.images.data(), pictures.labels, batch_size);
    CHECK(std::abs(got.loss - expected.loss) <= 1e-5 * expected.loss);
    CHECK(std::abs(got.grad_norm - expected.grad_norm) <= 1e-4 * expected.grad_norm);
  }
  check_close("values after training", values_of(fast.state()), values_of(plain.state()), 1e-5);
  check_close("logits after training", logits_of(fast), logits_of(plain), 1e-4);

  fast.save(folder / "fast");
  Training<Reference<>> reader({.seed = 6});
  reader.load(folder / "fast");
  CHECK(values_of(reader.state()) == values_of(fast.state()));
  check_close("logits of what was loaded", logits_of(reader), logits_of(fast), 1e-5);
  reader.save(folder / "plain");
  CHECK(read_file(folder / "plain") == read_file(folder / "fast"));
  Training<Cpu<>> again({.seed = 7});
  again.load(folder / "plain");
  CHECK(logits_of(again) == logits_of(fast));
}

TEST_CASE("tensor_of and state().at agree on the parameters of a custom layer") {
  Training<Cpu<>> model({.seed = 3});
  const auto state = model.state();
  for (int k = 0; k < mixed.parameter_count; ++k) {
    const Parameter& p = mixed.parameters[k];
    const auto t = tensor_of(state, parameter_name(mixed, p));
    CAPTURE(t.name);
    REQUIRE(t.rank() == p.rank);
    REQUIRE(t.size() == p.size());
    int strays = 0;
    for (long i = 0; i < p.size(); ++i) strays += &t.element(i) == &state.at(p, i) ? 0 : 1;
    CHECK(strays == 0);
  }
}

TEST_CASE("each element of a parameter of any extents has an offset of its own") {
  const Dims samples[] = {{6, 2, 2, false}, {6, 2, 2, true}, {24, 1, 1, true}, {2, 3, 4, true}, {1, 1, 1, true}};
  const int extents[][4] = {{24, 1, 1, 1}, {6, 1, 1, 1},   {1, 24, 1, 1}, {24, 24, 1, 1}, {2, 6, 1, 1},
                            {6, 24, 1, 1}, {3, 100, 1, 1}, {4, 3, 2, 1},  {4, 6, 2, 2},   {2, 3, 2, 5}};
  for (const Axes axes : {Axes::scalar, Axes::per_channel, Axes::kernel, Axes::matrix, Axes::free})
    for (const int* e : extents)
      for (int rank = 0; rank <= 4; ++rank)
        for (const Dims& in : samples)
          for (const Dims& out : samples)
            for (const Order order : {Order::chw, Order::hwc}) {
              Layer layer;
              layer.in = in;
              layer.out = out;
              const Parameter p{.axes = axes, .extents = {e[0], e[1], e[2], e[3]}, .rank = rank};
              CAPTURE(int(axes));
              CAPTURE(p.size());
              REQUIRE(faults_of_offset(order, layer, p) == 0);
            }
}
