// Executes one plan on one backend, for tests; parameters, images and results are in PyTorch's order.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "demands.hpp"

/// A random value in [-1, 1), a multiple of 2^-24, so that it is the same for every backend and scalar type.
inline double drawn(std::uint64_t seed, std::uint64_t stream, long i) {
  return 2 * double(tinycnn::uniform(seed, stream, std::uint64_t(i))) - 1;
}

/// n samples of `size` random elements in [-1, 1).
inline std::vector<double> drawn_images(std::uint64_t seed, int n, long size) {
  std::vector<double> images(std::size_t(n * size));
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = drawn(seed, 1000, long(i));
  return images;
}

inline std::vector<int> drawn_labels(std::uint64_t seed, int n, int classes) {
  std::vector<int> labels(std::size_t(n), 0);
  for (int i = 0; i < n; ++i)
    labels[std::size_t(i)] = int(tinycnn::below(seed, 1001, std::uint64_t(i), unsigned(classes)));
  return labels;
}

template <class Backend>
class PlanRun {
 public:
  using T = typename Backend::Compute;

  PlanRun(const tinycnn::Plan& plan, const tinycnn::OpKernels<Backend>* kernels, int capacity, int threads)
      : kernels_(kernels), memory_({&plan}, capacity, threads, 1), run_(memory_.execution(plan, 0)) {
    run_.seed = 7;
    draw_parameters(1);
  }

  T poison = std::numeric_limits<T>::quiet_NaN();  ///< fills all memory before a forward pass

  [[nodiscard]] const tinycnn::Plan& plan() const { return *run_.plan; }
  [[nodiscard]] const tinycnn::Graph& graph() const { return *plan().graph; }
  [[nodiscard]] tinycnn::NetworkState<T> state() const {
    return {&graph(), Backend::order, memory_.parameters.data(), memory_.buffers.data()};
  }

  /// Sets all elements to values that are not neutral: gammas of both signs, running statistics unlike the batch's.
  void draw_parameters(std::uint64_t seed) {
    for (int k = 0; k < graph().parameter_count; ++k) {
      const tinycnn::Parameter& p = graph().parameters[k];
      const bool gamma = graph().layers[p.layer].kind == &tinycnn::batch_norm && p.name == "weight";
      const double bound = 1.5 / std::sqrt(double(p.initializer.fan_in));
      for (long i = 0; i < p.size(); ++i) {
        const double u = drawn(seed, std::uint64_t(k), i);
        double value = u * bound;
        if (gamma) value = u < 0 ? u - 0.5 : u + 0.5;
        if (p.name == "running_var") value = 1.1 + u;
        if (p.integer) value = 3;
        state().at(p, i) = T(value);
      }
    }
  }

  /// Every third gamma of every BatchNorm.
  void set_some_gammas(double value) {
    for (int k = 0; k < graph().parameter_count; ++k) {
      const tinycnn::Parameter& p = graph().parameters[k];
      if (graph().layers[p.layer].kind != &tinycnn::batch_norm || p.name != "weight") continue;
      for (long i = 1; i < p.size(); i += 3) state().at(p, i) = T(value);
    }
  }

  /// Fills all memory with `poison`, then runs forward on n samples (N, C, H, W); returns the mean loss if there is
  /// one.
  double forward(const std::vector<double>& images, const std::vector<int>& labels, int n) {
    typename Backend::Session session(memory_.backend);
    fill(memory_.block().host(), memory_.block().size() / long(sizeof(T)));
    run_.n = n;
    Backend::execute(run_, kernels_, tinycnn::PlanPart::prepare);
    const std::vector<float> blank(std::size_t(n * graph().input.size()));
    Backend::begin(run_, blank.data(), labels.empty() ? nullptr : labels.data());
    const auto x = run_.view(plan().input);
    const tinycnn::Dims flat{x.dims.c, x.dims.h, x.dims.w, true};
    for (int i = 0; i < n; ++i)
      for (long k = 0; k < x.dims.size(); ++k)
        x.data[i * x.dims.size() + tinycnn::offset_of(flat, x.order, k)] =
            T(images[std::size_t(i * x.dims.size() + k)]);
    Backend::execute(run_, kernels_, tinycnn::PlanPart::forward);
    if (!plan().demand.loss) return 0;
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += double(run_.template data<T>(graph().node_count)[i]);
    return sum / n;
  }
  void backward() {
    typename Backend::Session session(memory_.backend);
    fill(memory_.gradients.host(), memory_.gradients.size());
    Backend::execute(run_, kernels_, tinycnn::PlanPart::backward);
  }
  void commit() { Backend::execute(run_, kernels_, tinycnn::PlanPart::commit); }

  /// (N, out)
  [[nodiscard]] std::vector<double> output() const { return values_at(plan().output, plan().output); }
  /// (N, C, H, W)
  [[nodiscard]] std::vector<double> input_gradient() const { return values_at(plan().input_gradient, plan().input); }

  [[nodiscard]] std::vector<double> gradient(const tinycnn::Parameter& p) const {
    const tinycnn::NetworkState<T> gradients{&graph(), Backend::order, memory_.gradients.data(), nullptr};
    return read(gradients, p);
  }
  [[nodiscard]] std::vector<double> values(const tinycnn::Parameter& p) const { return read(state(), p); }

 private:
  [[nodiscard]] std::vector<double> values_at(int value, int shape) const {
    const auto v = run_.gradient_view(value, shape);
    const tinycnn::Dims flat{v.dims.c, v.dims.h, v.dims.w, true};
    std::vector<double> all;
    for (int i = 0; i < run_.n; ++i)
      for (long k = 0; k < v.dims.size(); ++k) all.push_back(double(v.sample(i)[tinycnn::offset_of(flat, v.order, k)]));
    return all;
  }
  static std::vector<double> read(const tinycnn::NetworkState<T>& state, const tinycnn::Parameter& p) {
    std::vector<double> all;
    for (long i = 0; i < p.size(); ++i) all.push_back(double(state.at(p, i)));
    return all;
  }

  template <class To>
  void fill(To* to, long count) {
    T* elements = reinterpret_cast<T*>(to);
    for (long i = 0; i < count; ++i) elements[i] = poison;
  }

  const tinycnn::OpKernels<Backend>* kernels_;
  tinycnn::NetworkMemory<Backend> memory_;
  tinycnn::Execution<Backend> run_;
};

/// The plan of `Net` for a demand, ready to run.
template <class Net, class Input, class DemandTag, class Backend>
PlanRun<Backend> plan_run(int capacity, int threads = 1) {
  constexpr const tinycnn::Plan& plan = tinycnn::plan_of<Net, Input, tinycnn::CrossEntropy, Backend, DemandTag>;
  static_assert(plan.graph->failure.mistake == nullptr && plan.missing < 0);
  return {plan, tinycnn::kernels_of<Backend, plan>, capacity, threads};
}
