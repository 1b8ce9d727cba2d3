// BatchNorm as plain loops: batch statistics in training, running statistics otherwise.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/backends/reference/tensors.hpp>
#include <tinycnn/layers/batch_norm.hpp>

namespace tinycnn::reference {

/// y = gamma xhat + beta, xhat = (x - mean) / sqrt(var + eps). Saves mean, 1 / sqrt(var + eps) and var per channel.
/// dx = gamma / sqrt(var + eps) (dy - mean(dy) - xhat mean(dy xhat)) in training, gamma / sqrt(var + eps) dy otherwise.
struct BatchNormOp {
  static constexpr std::string_view name = "BatchNorm";
  static constexpr const Kind* pattern[] = {&batch_norm};
  static constexpr bool saves_input = true;
  static constexpr MemoryRequirements requirements(const Match& m) {
    return {.statistics = std::int64_t{3} * channels(m.first().in)};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), y = run.view(step.y);  // (N, C, H, W) or (N, F)
    const int count = channels(l.in), area = pixels(l.in);
    T* mean = run.statistics(step);
    T* inverse = mean + count;
    T* variance = inverse + count;
    for (int c = 0; c < count; ++c) {
      const std::int64_t v = l.out.flat ? offset_of(l.out, run.order, c) : c;
      if (run.plan->demand.mode == Mode::training) {
        double sum = 0, squares = 0;
        for (int n = 0; n < run.n; ++n)
          for (int p = 0; p < area; ++p) sum += double(at(x, n, c, p));
        const double m = sum / (double(run.n) * area);
        for (int n = 0; n < run.n; ++n)
          for (int p = 0; p < area; ++p) squares += (double(at(x, n, c, p)) - m) * (double(at(x, n, c, p)) - m);
        const double values = double(run.n) * area;
        mean[v] = T(m);
        variance[v] = T(squares / values);
        inverse[v] = T(inverse_deviation<T>(squares / values, values, options_of<BatchNormOptions>(l).epsilon));
      } else {
        mean[v] = run.parameter(l, norm_mean)[v];
        variance[v] = run.parameter(l, norm_variance)[v];
        inverse[v] = T(1 / std::sqrt(double(variance[v]) + options_of<BatchNormOptions>(l).epsilon));
      }
      const T gamma = run.parameter(l, norm_weight)[v], beta = run.parameter(l, norm_bias)[v];
      for (int n = 0; n < run.n; ++n)
        for (int p = 0; p < area; ++p) at(y, n, c, p) = gamma * ((at(x, n, c, p) - mean[v]) * inverse[v]) + beta;
    }
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const auto x = run.view(step.x), dx = run.gradient_view(step.dx, step.x), dy = run.gradient_view(step.dy, step.y);
    const int count = channels(l.in), area = pixels(l.in);
    const T* mean = run.statistics(step);
    const T* inverse = mean + count;
    const bool training = run.plan->demand.mode == Mode::training;
    if (step.dx >= 0) start_gradient(run, step.dx, step.add_dx);
    for (int c = 0; c < count; ++c) {
      const std::int64_t v = l.out.flat ? offset_of(l.out, run.order, c) : c;
      double sum_dy = 0, sum_dy_xhat = 0;
      for (int n = 0; n < run.n; ++n)
        for (int p = 0; p < area; ++p) {
          const double xhat = (double(at(x, n, c, p)) - double(mean[v])) * double(inverse[v]);
          sum_dy += double(at(dy, n, c, p));
          sum_dy_xhat += double(at(dy, n, c, p)) * xhat;
        }
      if (step.parameter_gradients) {
        run.gradient(l, norm_weight)[v] = T(sum_dy_xhat);
        run.gradient(l, norm_bias)[v] = T(sum_dy);
      }
      if (step.dx < 0) continue;
      const double m = training ? double(run.n) * area : 0;
      const T mean_dy = training ? T(sum_dy / m) : T(0), mean_dy_xhat = training ? T(sum_dy_xhat / m) : T(0);
      const T factor = run.parameter(l, norm_weight)[v] * inverse[v];
      for (int n = 0; n < run.n; ++n)
        for (int p = 0; p < area; ++p) {
          const T xhat = (at(x, n, c, p) - mean[v]) * inverse[v];
          add_to(at(dx, n, c, p), factor * (at(dy, n, c, p) - mean_dy - xhat * mean_dy_xhat));
        }
    }
  }

  /// running = (1 - momentum) running + momentum batch, with the unbiased variance.
  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    using T = typename Backend::Compute;
    const Layer& l = run.layer(step, 0);
    const int count = channels(l.in);
    const double m = double(run.n) * pixels(l.in);
    const T* mean = run.statistics(step);
    const T* variance = mean + 2 * count;
    const T keep = T(1 - options_of<BatchNormOptions>(l).momentum),
            momentum = T(options_of<BatchNormOptions>(l).momentum);
    for (int c = 0; c < count; ++c) {
      T& running_m = run.parameter(l, norm_mean)[c];
      T& running_v = run.parameter(l, norm_variance)[c];
      running_m = keep * running_m + momentum * mean[c];
      running_v = keep * running_v + momentum * T(double(variance[c]) * m / (m - 1));
    }
    run.parameter(l, norm_batches)[0] += T(1);
  }
};

}  // namespace tinycnn::reference
