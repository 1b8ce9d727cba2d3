// The Reference backend: every layer as plain loops in PyTorch's order, nothing fused. The oracle of the tests.
#pragma once

#include <type_traits>

#include <tinycnn/backends/host.hpp>
#include <tinycnn/backends/reference/activation.hpp>
#include <tinycnn/backends/reference/avg_pool.hpp>
#include <tinycnn/backends/reference/batch_norm.hpp>
#include <tinycnn/backends/reference/conv2d.hpp>
#include <tinycnn/backends/reference/cross_entropy.hpp>
#include <tinycnn/backends/reference/dropout.hpp>
#include <tinycnn/backends/reference/joins.hpp>
#include <tinycnn/backends/reference/linear.hpp>
#include <tinycnn/backends/reference/max_pool.hpp>
#include <tinycnn/backends/reference/own_layer.hpp>
#include <tinycnn/backends/reference/relu.hpp>

namespace tinycnn {

/// One thread, plain loops, NCHW. `Number` is the type it stores and computes in (double for finite differences), or a
/// Precision<Stored, Compute>: then values are rounded to Stored between layers, and a user's own layers cannot run,
/// since their functions take float and double.
template <class Number = float>
struct Reference : HostVerbs {
  using Stored = typename as_precision<Number>::Stored;
  using Compute = typename as_precision<Number>::Compute;
  using Register = Compute;
  static constexpr Order order = Order::chw;
  static constexpr std::string_view name = "Reference";
  template <class... OwnLayer>
  using FusedOpsAnd =
      tinycnn::FusedOps<reference::Conv2dOp, reference::BatchNormOp, reference::ReluOp, reference::ActivationOp<false>,
                        reference::ActivationOp<true>, reference::MaxPoolOp, reference::AvgPoolOp,
                        reference::GlobalAvgPoolOp, reference::LinearOp, reference::DropoutOp, reference::AddOp,
                        reference::AddFlattenedOp, reference::ConcatOp, reference::CrossEntropyOp, OwnLayer...>;
  using FusedOps =
      std::conditional_t<std::is_same_v<Stored, Compute>, FusedOpsAnd<reference::OwnLayerOp>, FusedOpsAnd<>>;

  explicit Reference(int = 1) {}
  [[nodiscard]] int threads() const { return 1; }

  /// RAII guard for a call of the library; does nothing here.
  struct Session {
    explicit Session(Reference&) {}
  };

  /// Calls f(block) for every block, in order.
  template <class F>
  void for_blocks(int blocks, F&& f) {
    for (int b = 0; b < blocks; ++b) f(b);
  }
};

}  // namespace tinycnn
