// Softmax, cross-entropy and their gradient in one pass over the logits.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/backends/cpu/simd/element_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/losses/cross_entropy.hpp>

namespace tinycnn::cpu {

/// y[n] = log(sum over k of exp(x[n, k] - max)) + max - x[n, label], summed in double. Where gradients are wanted, the
/// forward pass saves the gradient, (softmax(x[n]) - onehot(label)) / N, so that no exponential is computed twice. The
/// label's element is computed as (exp - sum) / sum in double, since softmax - 1 would cancel. equals:
/// reference::CrossEntropyOp.
template <class Isa>
struct CrossEntropy {
  static constexpr std::string_view name = "CrossEntropy";
  static constexpr const Kind* pattern[] = {&cross_entropy};
  static constexpr MemoryRequirements requirements(const Match& m) {
    return {.saved = m.mode == Mode::inference ? 0 : m.first().in.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Dims in = run.dims(step.x);
    const int classes = int(in.size()), block_samples = classes < 512 ? 512 / classes : 1;
    run.backend->pool().run((run.n + block_samples - 1) / block_samples, [&](int block, int) {
      for (int n = block * block_samples; n < run.n && n < (block + 1) * block_samples; ++n) {
        const float* x = run.data(step.x) + n * in.size();                               // (K)
        float* saved = step.saved < 0 ? nullptr : run.data(step.saved) + n * in.size();  // (K)
        const std::int64_t label = offset_of(in, Execution<Backend>::order, run.labels[n]);
        float largest = x[0];
        for (int k = 1; k < classes; ++k) largest = x[k] > largest ? x[k] : largest;
        double sum = 0;
        for (int k = 0; k < classes; ++k) {
          const double e = std::exp(double(x[k]) - double(largest));
          sum += e;
          if (saved != nullptr) saved[k] = float(e);
        }
        run.data(step.y)[n] = float(std::log(sum) + (double(largest) - double(x[label])));
        if (saved == nullptr) continue;
        const double share = 1 / (sum * run.n), of_label = std::exp(double(x[label]) - double(largest)) - sum;
        for (int k = 0; k < classes; ++k) saved[k] = float(double(saved[k]) * share);
        saved[label] = float(of_label * share);
      }
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    if (step.dx < 0) return;
    const float *saved = run.data(step.saved), *add = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    for_elements<Isa>(run.backend->pool(), run.n * run.dims(step.x).size(), [&]<class V>(V, std::int64_t i) {
      store<V>(dx + i, add == nullptr ? load<V>(saved + i) : load<V>(saved + i) + load<V>(add + i));
    });
  }
};

}  // namespace tinycnn::cpu
