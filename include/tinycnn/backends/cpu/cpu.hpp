// The Cpu backend: NHWC, SIMD, threads, fused ops. Reference's plain loops compute what it has no kernel for. The
// passes of a convolution are in fused/conv.hpp, the micro-kernel is in gemm/micro_kernel.hpp.
#pragma once

#include <type_traits>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/backends/cpu/fused/apply_deferred.hpp>
#include <tinycnn/backends/cpu/fused/conv_activation.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_add_relu.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_relu.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_relu_pool.hpp>
#include <tinycnn/backends/cpu/fused/depthwise.hpp>
#include <tinycnn/backends/cpu/fused/first_conv_bn_relu_pool.hpp>
#include <tinycnn/backends/cpu/fused/folded_conv_bn.hpp>
#include <tinycnn/backends/cpu/fused/in_rows.hpp>
#include <tinycnn/backends/cpu/fused/linear_relu.hpp>
#include <tinycnn/backends/cpu/layers/activation.hpp>
#include <tinycnn/backends/cpu/layers/activation_functions.hpp>
#include <tinycnn/backends/cpu/layers/add.hpp>
#include <tinycnn/backends/cpu/layers/avg_pool.hpp>
#include <tinycnn/backends/cpu/layers/batch_norm.hpp>
#include <tinycnn/backends/cpu/layers/concat.hpp>
#include <tinycnn/backends/cpu/layers/cross_entropy.hpp>
#include <tinycnn/backends/cpu/layers/dropout.hpp>
#include <tinycnn/backends/cpu/layers/max_pool.hpp>
#include <tinycnn/backends/cpu/layers/relu.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>
#include <tinycnn/backends/host.hpp>
#include <tinycnn/backends/reference/reference.hpp>
#include <tinycnn/core/owner.hpp>
#include <tinycnn/layers/conv2d.hpp>

namespace tinycnn {

namespace cpu {
/// A plain loop of Reference in place of a kernel; `describe` prints `[plain loop]` for it.
template <class Op>
struct PlainLoop : Op {
  static constexpr bool fallback = true;
};
}  // namespace cpu

namespace detail {
template <class Policy>
inline constexpr bool is_instruction_set = std::is_base_of_v<cpu::InstructionSet, Policy>;

/// The first of `Policies` that is an instruction set; if none is, the best one this file is compiled for.
template <class... Policies>
struct InstructionSetOf {
  using type = cpu::Native;
};
template <class First, class... More>
struct InstructionSetOf<First, More...> {
  using type = typename std::conditional_t<is_instruction_set<First>, std::type_identity<First>,
                                           InstructionSetOf<More...>>::type;
};
}  // namespace detail

/// f32 on the CPU. `Policies`, each optional and in any order: an instruction set (cpu::Avx512, cpu::Avx2 or
/// cpu::Baseline; by default the best one the file is compiled for), NoWinograd, which makes every convolution direct
/// (the layer option of that name does so for one layer), and F32, the only Precision it has.
template <class... Policies>
class Cpu : public HostVerbs {
  static_assert(((detail::is_instruction_set<Policies> || std::is_same_v<Policies, NoWinograd> ||
                  std::is_same_v<Policies, F32>) &&
                 ...),
                "a policy of Cpu is an instruction set (cpu::Avx2, ...), NoWinograd or F32");
  using Isa = typename detail::InstructionSetOf<Policies...>::type;
  using Dense = cpu::DenseConvolution<Isa, !(std::is_same_v<Policies, NoWinograd> || ...)>;
  using Depthwise = cpu::DepthwiseConvolution<Isa>;

 public:
  using InstructionSet = Isa;
  using Stored = float;
  using Compute = float;
  using Register = cpu::Vector<Isa>;
  static constexpr Order order = Order::hwc;
  static constexpr std::string_view name = Isa::name;
  using Activations = cpu::Activations<Isa>;
  using FusedOps = tinycnn::FusedOps<
      cpu::ConvBnReluPool<Depthwise>, cpu::ConvBnAddRelu<Depthwise>, cpu::FirstConvBnReluPool<Dense>,
      cpu::ConvBnReluPool<Dense>, cpu::ConvBnAddRelu<Dense>, cpu::ConvBnRelu<Depthwise>, cpu::ConvBnRelu<Dense>,
      cpu::ConvBn<Depthwise>, cpu::ConvBn<Dense>, cpu::FoldedConvBnReluPool<Depthwise>,
      cpu::FoldedConvBnReluPool<Dense>, cpu::FoldedConvBnAddRelu<Depthwise>, cpu::FoldedConvBnAddRelu<Dense>,
      cpu::FoldedConvBnRelu<Depthwise>, cpu::FoldedConvBnRelu<Dense>, cpu::PackedConvActivationPool<Depthwise>,
      cpu::PackedConvActivationPool<Dense>, cpu::FoldedConvBn<Depthwise>, cpu::FoldedConvBn<Dense>,
      cpu::ConvActivation<Depthwise>, cpu::ConvActivation<Dense>, cpu::PackedConvActivation<Depthwise>,
      cpu::PackedConvActivation<Dense>, cpu::Conv<Depthwise>, cpu::Conv<Dense>, cpu::LinearRelu<Isa>,
      cpu::LinearAlone<Isa>, cpu::ApplyDeferred<Isa>, cpu::BatchNorm<Isa>, cpu::Relu<Isa>,
      cpu::ActivationAlone<Isa, false>, cpu::ActivationAlone<Isa, true>, cpu::MaxPool<Isa>, cpu::AvgPool<Isa>,
      cpu::GlobalAvgPool<Isa>, cpu::Dropout<Isa>, cpu::Add<Isa>, cpu::Concat<Isa>, cpu::CrossEntropy<Isa>,
      cpu::PlainLoop<reference::MaxPoolOp>, cpu::PlainLoop<reference::AddFlattenedOp>,
      cpu::PlainLoop<reference::ConcatOp>, cpu::PlainLoop<reference::OwnLayerOp>>;

  /// The passes for activations that run over rows, for plans of networks that have any (plan/activations.hpp).
  template <class Backend>
  static constexpr const void* row_passes() {
    return static_cast<const cpu::EpiloguePasses<Isa>*>(&cpu::row_passes_of<Isa, Execution<Backend>>);
  }

  explicit Cpu(int threads = 1) : pool_(std::in_place, threads) {}
  [[nodiscard]] int threads() const { return pool_->size(); }
  [[nodiscard]] cpu::ThreadPool& pool() { return *pool_; }

  /// RAII guard for a call of the library: denormal numbers count as zero on the caller's thread, too.
  struct Session {
    explicit Session(Cpu&) {}
    cpu::FlushDenormals flush{};
  };

  /// Calls f(block) for every block, in any order, on all threads.
  template <class F>
  void for_blocks(int blocks, F&& f) {
    pool_->run(blocks, [&f](int block, int) { f(block); });
  }

 private:
  Owner<cpu::ThreadPool> pool_;  // its threads hold its address, so it stays where it is when a backend moves
};

#ifdef TINYCNN_PRECOMPILED  // cpu/precompiled.hpp compiles them
template <>
inline constexpr bool precompiled<Cpu<>> = true;
extern template struct PrecompiledKernels<Cpu<>>;
#endif

}  // namespace tinycnn
