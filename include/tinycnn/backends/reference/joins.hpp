// The joins (layers of two inputs) as plain loops: sum and concatenation.
#pragma once

#include <cstdint>
#include <utility>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/concat.hpp>
#include <tinycnn/layers/residual.hpp>

namespace tinycnn::reference {

/// y = x + r. The gradient of both is dy, so backward has work only for an operand whose gradient has another
/// contributor.
struct AddOp {
  static constexpr std::string_view name = "Add";
  static constexpr const Kind* pattern[] = {&add};
  static constexpr bool passes_gradient = true;
  static constexpr bool fits(const Match& m) { return same_memory(m.first().in, m.first().out); }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto *x = run.data(step.x), *r = run.data(step.r);
    auto* y = run.data(step.y);
    for (std::int64_t i = 0; i < run.n * run.dims(step.y).size(); ++i) y[i] = T(x[i]) + T(r[i]);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    for (auto [target, other] : {std::pair{step.dr, step.add_dr}, std::pair{step.dx, step.add_dx}}) {
      if (target < 0) continue;
      const auto *dy = run.data(step.dy), *add = run.data(other);
      auto* to = run.data(target);
      for (std::int64_t i = 0; i < run.n * run.dims(target).size(); ++i) to[i] = T(add[i]) + T(dy[i]);
    }
  }
};

/// y = x + r where only one of them is a flattened image: adds feature i of both, whatever its offset in memory.
struct AddFlattenedOp {
  static constexpr std::string_view name = "Add flattened";
  static constexpr const Kind* pattern[] = {&add};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const auto x = run.view(step.x), r = run.view(step.r), y = run.view(step.y);
    for (int n = 0; n < run.n; ++n)
      for (std::int64_t i = 0; i < y.dims.size(); ++i) y(n, i) = T(x(n, i)) + T(r(n, i));
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const auto dy = run.gradient_view(step.dy, step.y);
    if (step.dr >= 0) write_gradient(run, dy, run.gradient_view(step.dr, step.r), step.dr, step.add_dr);
    if (step.dx >= 0) write_gradient(run, dy, run.gradient_view(step.dx, step.x), step.dx, step.add_dx);
  }

 private:
  template <class Backend, class V>
  static void write_gradient(const Execution<Backend>& run, const V& dy, const V& dx, int target, int add) {
    start_gradient(run, target, add);
    for (int n = 0; n < run.n; ++n)
      for (std::int64_t i = 0; i < dx.dims.size(); ++i) add_to(dx(n, i), typename Backend::Compute(dy(n, i)));
  }
};

/// y = the channels (features) of x, then those of r.
struct ConcatOp {
  static constexpr std::string_view name = "Concat";
  static constexpr const Kind* pattern[] = {&concat};

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const auto y = run.view(step.y);
    int first = 0;
    for (int operand : {step.x, step.r}) {
      const auto x = run.view(operand);
      for (int n = 0; n < run.n; ++n)
        for (int c = 0; c < channels(x.dims); ++c)
          for (int p = 0; p < pixels(x.dims); ++p) at(y, n, first + c, p) = at(x, n, c, p);
      first += channels(x.dims);
    }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const auto dy = run.gradient_view(step.dy, step.y);
    if (step.dr >= 0)
      write_gradient(run, dy, channels(run.dims(step.x)), run.gradient_view(step.dr, step.r), step.dr, step.add_dr);
    if (step.dx >= 0) write_gradient(run, dy, 0, run.gradient_view(step.dx, step.x), step.dx, step.add_dx);
  }

 private:
  template <class Backend, class V>
  static void write_gradient(const Execution<Backend>& run, const V& dy, int first, const V& dx, int target, int add) {
    start_gradient(run, target, add);
    for (int n = 0; n < run.n; ++n)
      for (int c = 0; c < channels(dx.dims); ++c)
        for (int p = 0; p < pixels(dx.dims); ++p)
          add_to(at(dx, n, c, p), typename Backend::Compute(at(dy, n, first + c, p)));
  }
};

}  // namespace tinycnn::reference
