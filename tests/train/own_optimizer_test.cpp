// Optimizers as a user of the library would define them: one with three slots, one with a scalar that every step
// changes. Both are compared with PyTorch, and a run that is resumed with one that is not interrupted.
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

/// torch.optim.RMSprop with centered=True and a momentum.
struct CenteredRMSprop {
  double weight_decay = 0;
  double momentum = 0.9;
  double alpha = 0.99;
  double epsilon = 1e-8;

  static constexpr int slots = 3;  // the means of g^2 and of g, and the momentum buffer
  static constexpr const char* name = "CenteredRMSprop";

  template <class T>
  struct Factors {
    T decay, momentum, alpha, epsilon, rate;
  };
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t, double rate) const {
    return {T(weight_decay), T(momentum), T(alpha), T(epsilon), T(rate)};
  }
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& square, V& mean, V& buffer) {
    g += f.decay * w;
    square = f.alpha * square + (1 - f.alpha) * g * g;
    mean += (1 - f.alpha) * (g - mean);
    buffer = f.momentum * buffer + g / (square_root(square - mean * mean) + f.epsilon);
    w -= f.rate * buffer;
  }
};

/// torch.optim.NAdam, whose step depends on the product of all steps' momenta: a scalar, which a checkpoint stores.
struct NAdam {
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double momentum_decay = 4e-3;

  static constexpr int slots = 2;  // m, v
  static constexpr const char* name = "NAdam";

  struct State {
    double product = 1;
    template <class Visit>
    void visit_state(Visit&& visit) {
      visit("product", product);
    }
  };

  template <class T>
  struct Factors {
    T decay, one_minus_beta1, beta2, one_minus_beta2, correction2, epsilon, of_gradient, of_moment;
  };
  template <class T>
  [[nodiscard]] Factors<T> factors(std::int64_t t, double rate, State& state) const {
    const auto momentum = [&](double step) { return beta1 * (1 - 0.5 * std::pow(0.96, step * momentum_decay)); };
    const double now = momentum(double(t)), next = momentum(double(t + 1));
    state.product *= now;
    return {T(weight_decay),
            T(1 - beta1),
            T(beta2),
            T(1 - beta2),
            T(1 - std::pow(beta2, double(t))),
            T(epsilon),
            T(rate * (1 - now) / (1 - state.product)),
            T(rate * next / (1 - state.product * next))};
  }
  template <class T, class V>
  static void update(const Factors<T>& f, V& w, V g, V& m, V& v) {
    g += f.decay * w;
    m += f.one_minus_beta1 * (g - m);
    v = f.beta2 * v + f.one_minus_beta2 * g * g;
    const V divisor = square_root(v / f.correction2) + f.epsilon;
    w -= f.of_gradient * g / divisor + f.of_moment * m / divisor;
  }
};

using Net = Sequential<Conv2d<1, 4, 3, Padding<1>>, BatchNorm<4>, ReLU, Flatten, Linear<64, 3>>;

template <class Optimizer, class Backend>
using ModelOn = Trainer<Net, Image<1, 4, 4>, Batch<3>, CrossEntropy, Optimizer, Constant, Backend>;

template <class Model>
void train(Model& model, int begin, int end) {
  const int labels[] = {0, 1, 2};
  for (int step = begin; step < end; ++step) {
    float images[48];
    for (std::size_t i = 0; i < 48; ++i) images[i] = uniform(4, std::uint64_t(step), i);
    model.step(images, labels, 3);
  }
}

template <class Optimizer>
void check_numbers(const std::string& name, const Optimizer& optimizer) {
  using Seven = Sequential<BatchNorm<7>>;
  static constexpr const Graph& graph = graph_of<Seven, Features<7>>;  // weight and bias of 7 elements each
  const Golden golden("optim");
  Reference<double> backend;
  std::vector<double> w(std::size_t(graph.trained_storage)), g(w.size());
  const std::vector<double> start = golden.values(name + "/w0");
  for (std::size_t i = 0; i < 7; ++i) w[i] = start[i];
  OptimizerState<Optimizer, Reference<double>> state(backend, optimizer, graph);
  Execution<Reference<double>> run;
  run.backend = &backend;
  run.parameters = w.data();
  run.gradients = g.data();
  for (int t = 1; t <= 100; ++t) {
    for (std::size_t i = 0; i < 7; ++i) g[i] = std::sin(0.1 * t * double(i + 1));
    state.update(run, t, golden.number(name + "/lr"), 1.0);
    const std::string key = name + "/w" + std::to_string(t);
    if (golden.has(key)) check_close(key, {w.begin(), w.begin() + 7}, golden.values(key), 1e-12);
  }
}

}  // namespace

TEST_CASE("PyTorch's numbers: an optimizer with three slots and one with a scalar") {
  check_numbers("rmsprop_centered", CenteredRMSprop{.weight_decay = 0.01});
  check_numbers("nadam", NAdam{.weight_decay = 0.01});
}

TEST_CASE_TEMPLATE("a checkpoint restores all slots and scalars of a user's optimizer", Model,
                   ModelOn<CenteredRMSprop, Cpu<>>, ModelOn<NAdam, Cpu<>>, ModelOn<NAdam, Remote<Reference<>>>,
                   ModelOn<CenteredRMSprop, Remote<Cpu<>>>, ModelOn<AMSGrad, Reference<double>>) {
  const ScratchFolder folder;
  const typename Model::Options options{.schedule = {1e-2}, .seed = 3};
  Model whole(options), resumed(options);
  train(whole, 0, 5);
  whole.save_checkpoint(folder / "last.ckpt");
  train(whole, 5, 9);
  train(resumed, 7, 9);
  resumed.load_checkpoint(folder / "last.ckpt");
  train(resumed, 5, 9);
  whole.save_checkpoint(folder / "whole"), resumed.save_checkpoint(folder / "resumed");
  CHECK(read_file(folder / "resumed") == read_file(folder / "whole"));
}

TEST_CASE("a checkpoint without an optimizer's scalar is refused") {
  using Model = ModelOn<NAdam, Cpu<>>;
  const ScratchFolder folder;
  Model model({.schedule = {1e-2}});
  train(model, 0, 2);
  model.save_checkpoint(folder / "last.ckpt");
  std::string bytes = read_file(folder / "last.ckpt");
  const std::string note = "optimizer.0.product";
  REQUIRE(contains(bytes, note));
  put_file(folder / "wrong", bytes.replace(bytes.find(note), note.size(), "optimizer.1.product"));
  CHECK(contains(error_of([&] { model.load_checkpoint(folder / "wrong"); }),
                 "its note 'optimizer.0.product' is missing"));
}

TEST_CASE("groups of an optimizer with a scalar have a scalar each") {
  using Model = ModelOn<ParameterGroups<NAdam, 2>, Cpu<>>;
  const ScratchFolder folder;
  Model model({.optimizer = {.rule = [](const ParameterName& p) { return p.rank == 1 ? 1 : 0; },
                             .groups = {{{}, {.optimizer = {.momentum_decay = 0.1}}}}},
               .schedule = {1e-2}});
  train(model, 0, 3);
  model.save_checkpoint(folder / "last.ckpt");
  const Notes notes = read_notes(folder / "last.ckpt");
  const auto product = [&](const std::string& name) { return notes.number<double>(name, "", 0, 1); };
  CHECK(product("optimizer.0.product") > 0);
  CHECK(product("optimizer.0.product") != product("optimizer.1.product"));
  CHECK(*notes.find("optimizer.groups") == "0 1 1 1 0 1");
}
