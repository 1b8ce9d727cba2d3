// Softmax, cross-entropy and their gradient in one pass over the logits.
#pragma once

#include <cmath>

#include <tinycnn/backends/cpu/simd/element_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/losses/cross_entropy.hpp>

namespace tinycnn::cpu {

/// y[n] = log(sum over k of exp(x[n, k] - max)) + max - x[n, label], summed in double. Where gradients are wanted, the
/// forward pass keeps (softmax(x[n]) - onehot(label)) / N, so that no exponential is taken twice; the label's is formed
/// as (exp - sum) / sum in double, since softmax - 1 would cancel. equals: reference::CrossEntropyOp.
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
    const int classes = int(in.size()), group = classes < 512 ? 512 / classes : 1;  // samples a block
    run.backend->pool().run((run.n + group - 1) / group, [&](int block, int) {
      for (int n = block * group; n < run.n && n < (block + 1) * group; ++n) {
        const float* x = run.data(step.x) + n * in.size();                              // (K)
        float* kept = step.saved < 0 ? nullptr : run.data(step.saved) + n * in.size();  // (K)
        const long label = offset_of(in, Execution<Backend>::order, run.labels[n]);
        float largest = x[0];
        for (int k = 1; k < classes; ++k) largest = x[k] > largest ? x[k] : largest;
        double sum = 0;
        for (int k = 0; k < classes; ++k) {
          const double e = std::exp(double(x[k]) - double(largest));
          sum += e;
          if (kept != nullptr) kept[k] = float(e);
        }
        run.data(step.y)[n] = float(std::log(sum) + (double(largest) - double(x[label])));
        if (kept == nullptr) continue;
        const double share = 1 / (sum * run.n), of_label = std::exp(double(x[label]) - double(largest)) - sum;
        for (int k = 0; k < classes; ++k) kept[k] = float(double(kept[k]) * share);
        kept[label] = float(of_label * share);
      }
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    if (step.dx < 0) return;
    const float *kept = run.data(step.saved), *held = run.data(step.add_dx);
    float* dx = run.data(step.dx);
    for_elements<Isa>(run.backend->pool(), run.n * run.dims(step.x).size(), [&]<class V>(V, long i) {
      store<V>(dx + i, held == nullptr ? load<V>(kept + i) : load<V>(kept + i) + load<V>(held + i));
    });
  }
};

}  // namespace tinycnn::cpu
