// Executes a backend's plan for one layer or small network with given input, upstream gradient and parameters.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/layers/own_layer.hpp>
#include <tinycnn/train/network_memory.hpp>

#include "demands.hpp"

/// The gradient with which `UpstreamLoss` starts the backward pass, (N, out) in PyTorch's order.
inline const double* upstream_gradient = nullptr;

inline constexpr tinycnn::Kind upstream_loss{.name = "UpstreamLoss", .loss = true};

/// A loss of value 0 whose gradient is `upstream_gradient`, so that a layer can get any dy.
struct UpstreamLoss {
  static constexpr const tinycnn::Kind& kind = upstream_loss;
  static constexpr const tinycnn::Mistake* accepts(tinycnn::Dims) { return nullptr; }
  static constexpr tinycnn::Dims wants(tinycnn::Dims x) { return x; }
  static constexpr tinycnn::Dims output(tinycnn::Dims) { return {1, 1, 1, true}; }
  static constexpr long macs(tinycnn::Dims) { return 0; }
  static constexpr void parameters(tinycnn::ParameterList&) {}

  template <class T>
  static void forward(const tinycnn::OwnCall<T>& call) {
    for (int n = 0; n < call.n; ++n) call.out(n, 0) = 0;
  }
  template <class T>
  static void backward(const tinycnn::OwnCall<T>& call) {
    const long size = call.x.dims.size();
    for (int n = 0; n < call.n; ++n)
      for (long i = 0; i < size; ++i) call.dx(n, i) = T(upstream_gradient[n * size + i]);
  }
};

/// A layer whose parameters are called just "weight" and "bias", as those of a single torch.nn layer.
template <class L>
struct Unnamed : L {
  static constexpr std::string_view name{};
};

/// A tensor by PyTorch's name, its elements in PyTorch's order.
struct NamedValues {
  std::string name;
  std::vector<double> values;
};

struct LayerInputs {
  std::vector<double> x;           // (N, in)
  std::vector<double> dy;          // (N, out)
  std::vector<int> labels;         // (N), for a loss that reads them
  std::vector<NamedValues> state;  // all parameters and buffers of the network, or more

  [[nodiscard]] const std::vector<double>& of(const std::string& name) const {
    for (const NamedValues& tensor : state)
      if (tensor.name == name) return tensor.values;
    throw tinycnn::Error("the test gives no elements for '" + name + "'");
  }
};

struct LayerValues {
  std::vector<double> y;               // (N, out)
  std::vector<double> losses;          // (N)
  std::vector<double> dx;              // (N, in)
  std::vector<NamedValues> gradients;  // of every trained parameter
  std::vector<NamedValues> buffers;    // after the pass has been committed
  bool padding_is_zero = true;         // of gradients, whose padding the norm and the optimizer also process
};

/// Executes a plan with a capacity of one more sample than given. All memory is initially NaN, to detect reads of
/// unwritten memory and gradients that are added to instead of written.
template <class Backend>
LayerValues run_plan(const tinycnn::Plan& plan, const tinycnn::OpKernels<Backend>* kernels, const LayerInputs& given,
                     int threads) {
  using namespace tinycnn;
  using T = typename Backend::Compute;
  const Graph& graph = *plan.graph;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const int n = int(long(given.x.size()) / graph.input.size());
  NetworkMemory<Backend> memory({&plan}, n + 1, threads, 1);
  T* elements = reinterpret_cast<T*>(memory.block().host());
  for (long i = 0; i < memory.block().size() / long(sizeof(T)); ++i) elements[i] = nan;

  const NetworkState<T> state = memory.state();
  const NetworkState<T> gradient_state{&graph, Backend::order, memory.gradients.host(), nullptr};
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    const std::vector<double>& values = given.of(parameter_name(graph, p));
    if (long(values.size()) != p.size()) throw Error("'" + parameter_name(graph, p) + "' has another size");
    for (long i = 0; i < p.size(); ++i) {
      state.at(p, i) = T(values[std::size_t(i)]);
      if (!p.buffer) gradient_state.at(p, i) = nan;
    }
  }

  const Execution<Backend> run = memory.execution(plan, n);
  const std::vector<float> blank(std::size_t(n * graph.input.size()));
  Backend::begin(run, blank.data(), given.labels.empty() ? nullptr : given.labels.data());
  upstream_gradient = given.dy.data();

  const auto x = run.view(plan.input);
  for (int s = 0; s < n; ++s)
    for (long i = 0; i < x.dims.size(); ++i) x(s, i) = T(given.x[std::size_t(s * x.dims.size() + i)]);
  {
    typename Backend::Session session(memory.backend);
    for (const PlanPart part : {PlanPart::prepare, PlanPart::forward, PlanPart::backward, PlanPart::commit})
      Backend::execute(run, kernels, part);
  }

  auto values_of = [&](const auto& v) {
    std::vector<double> values;
    for (int s = 0; s < n; ++s)
      for (long i = 0; i < v.dims.size(); ++i) values.push_back(double(v(s, i)));
    return values;
  };
  LayerValues out;
  out.y = values_of(run.view(plan.output));
  if (plan.demand.loss) out.losses = values_of(run.template view<T>(graph.node_count));
  if (plan.input_gradient >= 0) out.dx = values_of(run.view(plan.input_gradient));
  for (int k = 0; k < graph.parameter_count; ++k) {
    const Parameter& p = graph.parameters[k];
    NamedValues tensor{parameter_name(graph, p), {}};
    for (long i = 0; i < p.size(); ++i)
      tensor.values.push_back(double(p.buffer ? state.at(p, i) : gradient_state.at(p, i)));
    (p.buffer ? out.buffers : out.gradients).push_back(tensor);
    for (long i = p.size(); !p.buffer && i < aligned(p.size()); ++i)
      out.padding_is_zero = out.padding_is_zero && memory.gradients.read()[p.offset + i] == T(0);
  }
  return out;
}

/// Runs `Net` over samples of `Input` on a backend.
template <class Backend, class Net, class Input, class Loss, class DemandTag>
LayerValues run_layer(const LayerInputs& given, int threads = 2) {
  static constexpr const tinycnn::Plan& plan = tinycnn::plan_of<Net, Input, Loss, Backend, DemandTag>;
  static_assert(tinycnn::graph_of<Net, Input, Loss>.failure.mistake == nullptr && plan.missing < 0);
  return run_plan<Backend>(plan, tinycnn::kernels_of<Backend, plan>, given, threads);
}
