// Binds a plan to a backend's kernels: one constexpr table of functions. Only those the plan uses exist, or all of them
// where another file compiles them.
#pragma once

#include <utility>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/plan/plan.hpp>

namespace tinycnn {

template <class Backend>
using Kernel = void (*)(const Execution<Backend>&, const Step&);

/// The kernels of one row. `prepare` readies weights for inference after parameters change; `commit` writes what a
/// training step may only write once its gradients are known to be finite (running statistics).
template <class Backend>
struct RowKernels {
  Kernel<Backend> prepare = nullptr, forward = nullptr, backward = nullptr, commit = nullptr;
};

namespace detail {

template <class Backend, class Row, const Plan& P, int Index>
constexpr RowKernels<Backend> bind_row() {
  RowKernels<Backend> k;
  if constexpr (P.uses(Index, Phase::forward)) {
    k.forward = &Row::template forward<Backend>;
    if constexpr (P.demand.mode == Mode::inference)
      if constexpr (requires { &Row::template prepare<Backend>; }) k.prepare = &Row::template prepare<Backend>;
    if constexpr (P.demand.mode == Mode::training)
      if constexpr (requires { &Row::template commit<Backend>; }) k.commit = &Row::template commit<Backend>;
  }
  if constexpr (P.uses(Index, Phase::backward)) k.backward = &Row::template backward<Backend>;
  return k;
}

template <class Backend, const Plan& P, class RowList = typename Backend::Rows>
struct KernelTable;
template <class Backend, const Plan& P, class... Row>
struct KernelTable<Backend, P, Rows<Row...>> {
  template <int... I>
  static constexpr auto make(std::integer_sequence<int, I...>) {
    struct Table {
      RowKernels<Backend> rows[sizeof...(Row)];
    };
    return Table{{bind_row<Backend, Row, P, I>()...}};
  }
  static constexpr auto table = make(std::make_integer_sequence<int, int(sizeof...(Row))>{});
};

/// Every kernel a row has.
template <class Backend, class Row>
constexpr RowKernels<Backend> whole_row() {
  RowKernels<Backend> k;
  k.forward = &Row::template forward<Backend>;
  if constexpr (requires { &Row::template prepare<Backend>; }) k.prepare = &Row::template prepare<Backend>;
  if constexpr (requires { &Row::template backward<Backend>; }) k.backward = &Row::template backward<Backend>;
  if constexpr (requires { &Row::template commit<Backend>; }) k.commit = &Row::template commit<Backend>;
  return k;
}

template <class Backend, class RowList = typename Backend::Rows>
struct WholeTable;
template <class Backend, class... Row>
struct WholeTable<Backend, Rows<Row...>> {
  RowKernels<Backend> rows[sizeof...(Row)] = {whole_row<Backend, Row>()...};
};

}  // namespace detail

/// Every kernel of a backend, for whatever plan: none depends on a network, so a program of many files can compile them
/// once. The backend's type is in the symbol's name, so files compiled for another instruction set do not link.
template <class Backend>
struct PrecompiledKernels {
  static const detail::WholeTable<Backend> table;
};
template <class Backend>
constinit const detail::WholeTable<Backend> PrecompiledKernels<Backend>::table;

/// Whether another file compiles a backend's kernels; the backend's header then says `extern template` of them.
template <class Backend>
inline constexpr bool precompiled = false;

namespace detail {
template <class Backend, const Plan& P>
constexpr const RowKernels<Backend>* find_kernels() {
  if constexpr (precompiled<Backend>)
    return PrecompiledKernels<Backend>::table.rows;
  else
    return KernelTable<Backend, P>::table.rows;
}
}  // namespace detail

/// The kernels of plan P on a backend, by row.
template <class Backend, const Plan& P>
inline constexpr const RowKernels<Backend>* kernels_of = detail::find_kernels<Backend, P>();

/// The parts of a plan that are run at a time: weights made ready for inference after parameters changed; the forward
/// and the backward steps; what a training step may only write once its gradients are known to be finite.
enum class PlanPart { prepare, forward, backward, commit };

/// Runs the steps of one part in the plan's order. Every step has a forward and a backward, few the other two.
template <class Backend>
void run_part(const Execution<Backend>& run, const RowKernels<Backend>* kernels, PlanPart part) {
  const Plan& p = *run.plan;
  const int begin = part == PlanPart::backward ? p.forward_count : 0;
  const int end = part == PlanPart::backward ? p.step_count : p.forward_count;
  for (int i = begin; i < end; ++i) {
    const RowKernels<Backend>& row = kernels[p.steps[i].row];
    if (part == PlanPart::forward)
      row.forward(run, p.steps[i]);
    else if (part == PlanPart::backward)
      row.backward(run, p.steps[i]);
    else if (const Kernel<Backend> kernel = part == PlanPart::prepare ? row.prepare : row.commit)
      kernel(run, p.steps[i]);
  }
}

}  // namespace tinycnn
