// Activations other than ReLU as plain loops.
#pragma once

#include <cstdint>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/activation.hpp>

namespace tinycnn::reference {

/// y = f(x); dx = dy f'(x), or of y where the activation says so, which decides what is kept for backward.
template <bool OfOutput>
struct ActivationOp {
  static constexpr std::string_view name = "activation";
  static constexpr const Kind* pattern[] = {&any_activation};
  static constexpr bool saves_input = !OfOutput, saves_output = OfOutput;
  static constexpr bool fits(const Match& m) {
    return m.activation_in_rows() && m.first().activation->of_output == OfOutput;
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto* x = run.data(step.x);
    auto* y = run.data(step.y);
    for_chunks<T>(run.n * run.dims(step.y).size(), [&](std::int64_t at, std::int64_t count, T* v, T*) {
      for (std::int64_t i = 0; i < count; ++i) v[i] = T(x[at + i]);
      run.activation(step.layers[0]).apply(v, count);
      for (std::int64_t i = 0; i < count; ++i) y[at + i] = typename Backend::Stored(v[i]);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto activation = run.activation(step.layers[0]);
    const auto *from = run.data(OfOutput ? step.y : step.x), *dy = run.data(step.dy), *add = run.data(step.add_dx);
    auto* dx = run.data(step.dx);
    for_chunks<T>(run.n * run.dims(step.y).size(), [&](std::int64_t at, std::int64_t count, T* v, T* g) {
      for (std::int64_t i = 0; i < count; ++i) v[i] = T(from[at + i]), g[i] = T(dy[at + i]);
      activation.loops->gradient(*activation.layer, v, g, g, count);
      for (std::int64_t i = 0; i < count; ++i)
        dx[at + i] = typename Backend::Stored(add == nullptr ? g[i] : g[i] + T(add[at + i]));
    });
  }

 private:
  /// Calls f(first element, count, two arrays of that many) for consecutive parts of `all` elements.
  template <class T, class F>
  static void for_chunks(std::int64_t all, F&& f) {
    constexpr std::int64_t size = 256;
    T first[size], second[size];
    for (std::int64_t at = 0; at < all; at += size) f(at, all - at < size ? all - at : size, first, second);
  }
};

}  // namespace tinycnn::reference
