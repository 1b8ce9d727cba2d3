// The Reference backend: every layer as plain loops in PyTorch's order. The oracle of all tests; nothing is fused.
#pragma once

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

/// One thread, plain loops, NCHW; `double` for finite differences.
template <class T = float>
struct Reference {
  using Scalar = T;
  using Register = T;
  static constexpr Order order = Order::chw;
  static constexpr std::string_view name = "Reference";
  using Rows = tinycnn::Rows<reference::Conv2dRow, reference::BatchNormRow, reference::ReluRow, reference::MaxPoolRow,
                             reference::AvgPoolRow, reference::GlobalAvgPoolRow, reference::LinearRow,
                             reference::DropoutRow, reference::AddRow, reference::AddFlattenedRow, reference::ConcatRow,
                             reference::CrossEntropyRow, reference::OwnLayerRow>;

  explicit Reference(int = 1) {}
  [[nodiscard]] int threads() const { return 1; }

  /// What holds while the library computes; nothing here.
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
