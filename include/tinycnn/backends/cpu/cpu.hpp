// The Cpu backend: NHWC, SIMD, threads; fused rows first, plain loops of Reference for what it has no kernel for.
#pragma once

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/backends/cpu/add.hpp>
#include <tinycnn/backends/cpu/avg_pool.hpp>
#include <tinycnn/backends/cpu/batch_norm.hpp>
#include <tinycnn/backends/cpu/concat.hpp>
#include <tinycnn/backends/cpu/conv_bn_add_relu.hpp>
#include <tinycnn/backends/cpu/conv_bn_relu.hpp>
#include <tinycnn/backends/cpu/conv_bn_relu_pool.hpp>
#include <tinycnn/backends/cpu/cross_entropy.hpp>
#include <tinycnn/backends/cpu/depthwise.hpp>
#include <tinycnn/backends/cpu/dropout.hpp>
#include <tinycnn/backends/cpu/first_conv_bn_relu_pool.hpp>
#include <tinycnn/backends/cpu/folded.hpp>
#include <tinycnn/backends/cpu/linear_relu.hpp>
#include <tinycnn/backends/cpu/materialize.hpp>
#include <tinycnn/backends/cpu/max_pool.hpp>
#include <tinycnn/backends/cpu/relu.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>
#include <tinycnn/backends/reference/reference.hpp>

namespace tinycnn {

namespace cpu {
/// A plain loop of Reference standing in; `describe` says so.
template <class Row>
struct PlainLoop : Row {
  static constexpr bool fallback = true;
};
}  // namespace cpu

/// f32 on the CPU, with the best instruction set the translation unit is compiled for.
template <class Isa = cpu::Native>
class Cpu {
 public:
  using Scalar = float;
  using Register = cpu::Vector<Isa>;
  static constexpr Order order = Order::hwc;
  static constexpr std::string_view name = Isa::name;
  using Rows =
      tinycnn::Rows<cpu::DepthwiseRow<cpu::ConvBnReluPool, Isa>, cpu::DepthwiseRow<cpu::ConvBnAddRelu, Isa>,
                    cpu::FirstConvBnReluPool<Isa>, cpu::ConvBnReluPool<Isa>, cpu::ConvBnAddRelu<Isa>,
                    cpu::DepthwiseRow<cpu::ConvBnRelu, Isa>, cpu::ConvBnRelu<Isa>, cpu::DepthwiseRow<cpu::ConvBn, Isa>,
                    cpu::ConvBn<Isa>, cpu::DepthwiseRow<cpu::FoldedConvBnReluPool, Isa>, cpu::FoldedConvBnReluPool<Isa>,
                    cpu::DepthwiseRow<cpu::FoldedConvBnAddRelu, Isa>, cpu::FoldedConvBnAddRelu<Isa>,
                    cpu::DepthwiseRow<cpu::FoldedConvBnRelu, Isa>, cpu::FoldedConvBnRelu<Isa>,
                    cpu::DepthwiseRow<cpu::FoldedConvBn, Isa>, cpu::FoldedConvBn<Isa>,
                    cpu::DepthwiseRow<cpu::Conv, Isa>, cpu::Conv<Isa>, cpu::LinearRelu<Isa>, cpu::LinearAlone<Isa>,
                    cpu::Materialize<Isa>, cpu::BatchNorm<Isa>, cpu::Relu<Isa>, cpu::MaxPool<Isa>, cpu::AvgPool<Isa>,
                    cpu::GlobalAvgPool<Isa>, cpu::Dropout<Isa>, cpu::Add<Isa>, cpu::Concat<Isa>, cpu::CrossEntropy<Isa>,
                    cpu::PlainLoop<reference::MaxPoolRow>, cpu::PlainLoop<reference::AddFlattenedRow>,
                    cpu::PlainLoop<reference::ConcatRow>, cpu::PlainLoop<reference::OwnLayerRow>>;

  explicit Cpu(int threads = 1) : pool_(threads) {}
  [[nodiscard]] int threads() const { return pool_.size(); }
  [[nodiscard]] cpu::ThreadPool& pool() { return pool_; }

  /// What holds while the library computes: denormal numbers count as zero on the caller's thread too.
  struct Session {
    explicit Session(Cpu&) {}
    cpu::FlushDenormals flush{};
  };

  /// Calls f(block) for every block, in no order, on all threads.
  template <class F>
  void for_blocks(int blocks, F&& f) {
    pool_.run(blocks, [&f](int block, int) { f(block); });
  }

 private:
  cpu::ThreadPool pool_;
};

#ifdef TINYCNN_PRECOMPILED  // cpu/precompiled.hpp compiles them
template <>
inline constexpr bool precompiled<Cpu<>> = true;
extern template struct PrecompiledKernels<Cpu<>>;
#endif

}  // namespace tinycnn
