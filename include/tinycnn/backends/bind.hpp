// Binds a plan to a backend's kernels: one constexpr table of functions. It instantiates only those the plan uses,
// unless another file compiles all of them.
#pragma once

#include <utility>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/plan/plan.hpp>

namespace tinycnn {

template <class Backend>
using KernelFunction = void (*)(const Execution<Backend>&, const Step&);

/// The kernels of one op. `prepare` prepares weights for inference after the parameters changed; `commit` writes what a
/// training step may write only once its gradients are known to be finite (running statistics).
template <class Backend>
struct OpKernels {
  KernelFunction<Backend> prepare = nullptr, forward = nullptr, backward = nullptr, commit = nullptr;
};

namespace detail {

template <class Backend, class Op, const Plan& P, int Index>
constexpr OpKernels<Backend> bind_op() {
  OpKernels<Backend> k;
  if constexpr (P.uses(Index, Phase::forward)) {
    k.forward = &Op::template forward<Backend>;
    if constexpr (P.demand.mode == Mode::inference)
      if constexpr (requires { &Op::template prepare<Backend>; }) k.prepare = &Op::template prepare<Backend>;
    if constexpr (P.demand.mode == Mode::training)
      if constexpr (requires { &Op::template commit<Backend>; }) k.commit = &Op::template commit<Backend>;
  }
  if constexpr (P.uses(Index, Phase::backward)) k.backward = &Op::template backward<Backend>;
  return k;
}

template <class Backend, const Plan& P, class OpList = typename Backend::FusedOps>
struct KernelTable;
template <class Backend, const Plan& P, class... Op>
struct KernelTable<Backend, P, FusedOps<Op...>> {
  template <int... I>
  static constexpr auto make(std::integer_sequence<int, I...>) {
    struct Table {
      OpKernels<Backend> ops[sizeof...(Op)];
    };
    return Table{{bind_op<Backend, Op, P, I>()...}};
  }
  static constexpr auto table = make(std::make_integer_sequence<int, int(sizeof...(Op))>{});
};

/// All kernels of an op.
template <class Backend, class Op>
constexpr OpKernels<Backend> every_kernel_of() {
  OpKernels<Backend> k;
  k.forward = &Op::template forward<Backend>;
  if constexpr (requires { &Op::template prepare<Backend>; }) k.prepare = &Op::template prepare<Backend>;
  if constexpr (requires { &Op::template backward<Backend>; }) k.backward = &Op::template backward<Backend>;
  if constexpr (requires { &Op::template commit<Backend>; }) k.commit = &Op::template commit<Backend>;
  return k;
}

template <class Backend, class OpList = typename Backend::FusedOps>
struct WholeTable;
template <class Backend, class... Op>
struct WholeTable<Backend, FusedOps<Op...>> {
  OpKernels<Backend> ops[sizeof...(Op)] = {every_kernel_of<Backend, Op>()...};
};

}  // namespace detail

/// All kernels of a backend. None depends on a network, so a program of several files can compile them once. The
/// symbol's name contains the instruction set, so files compiled for another one do not link.
template <class Backend, class InstructionSet = typename Backend::InstructionSet>
struct PrecompiledKernels {
  static const detail::WholeTable<Backend> table;
};
template <class Backend, class InstructionSet>
constinit const detail::WholeTable<Backend> PrecompiledKernels<Backend, InstructionSet>::table;

/// Whether another file compiles a backend's kernels; the backend's header then declares them `extern template`.
template <class Backend>
inline constexpr bool precompiled = false;

namespace detail {
template <class Backend, const Plan& P>
constexpr const OpKernels<Backend>* find_kernels() {
  if constexpr (precompiled<Backend>)
    return PrecompiledKernels<Backend>::table.ops;
  else
    return KernelTable<Backend, P>::table.ops;
}
}  // namespace detail

/// The kernels of plan P on a backend, indexed by op.
template <class Backend, const Plan& P>
inline constexpr const OpKernels<Backend>* kernels_of = detail::find_kernels<Backend, P>();

/// The parts of a plan that run separately: the ops' `prepare` kernels, the forward steps, the backward steps, the ops'
/// `commit` kernels (see OpKernels).
enum class PlanPart { prepare, forward, backward, commit };

/// Runs the steps of one part in the plan's order. Every step has a forward or a backward kernel; few ops have the
/// others.
template <class Backend>
void run_part(const Execution<Backend>& run, const OpKernels<Backend>* kernels, PlanPart part) {
  const Plan& p = *run.plan;
  const int begin = part == PlanPart::backward ? p.forward_count : 0;
  const int end = part == PlanPart::backward ? p.step_count : p.forward_count;
  for (int i = begin; i < end; ++i) {
    const OpKernels<Backend>& op = kernels[p.steps[i].op];
    if (part == PlanPart::forward)
      op.forward(run, p.steps[i]);
    else if (part == PlanPart::backward)
      op.backward(run, p.steps[i]);
    else if (const KernelFunction<Backend> kernel = part == PlanPart::prepare ? op.prepare : op.commit)
      kernel(run, p.steps[i]);
  }
}

}  // namespace tinycnn
