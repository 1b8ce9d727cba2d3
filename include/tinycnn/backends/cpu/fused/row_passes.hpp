// The passes of fused ops for activations that run over rows, as a table of functions.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/store.hpp>
#include <tinycnn/backends/execution.hpp>

namespace tinycnn::cpu {

/// Ops find the table through the plan, so that a network whose activations are all ReLU compiles none of these passes.
/// fused/in_rows.hpp has them.
template <class Isa, class Run>
struct RowPasses : EpiloguePasses<Isa> {
  using Applied = AppliedActivation<float>;

  /// y = f(x) of `count` elements.
  void (*apply)(const Run&, const Applied&, std::int64_t count, const float* x, float* y);
  /// dx = dy f'(v) (+ add, unless null), where v is what the derivative takes: x, or y = f(x).
  void (*gradient)(const Run&, const Applied&, std::int64_t count, const float* v, const float* dy, const float* add,
                   float* dx);
  /// x <- dy f'(x)
  void (*gradient_in_place)(const Run&, const Applied&, std::int64_t count, float* x, const float* dy);
  /// Of a step with a BatchNorm and its activation: g = dy f'(scale v + shift), v and g of `pixels` a sample, in the
  /// forward pass's own expression; g is not v.
  void (*gradient_after_norm)(const Run&, const Step&, std::int64_t pixels, const float* v, float* g);
  /// Of Conv+BatchNorm+Add+activation: g = dy f'(scale v + shift + r).
  void (*gradient_after_sum)(const Run&, const Step&, float* g);
  /// Of Conv+BatchNorm+activation+MaxPool: gradient_after_norm, then BatchNorm's reduction of g.
  void (*reduce_pooled)(const Run&, const Step&, float* g);

  static const RowPasses& of(const Run& run) {
    return static_cast<const RowPasses&>(*static_cast<const EpiloguePasses<Isa>*>(run.plan->row_passes));
  }
};

}  // namespace tinycnn::cpu
