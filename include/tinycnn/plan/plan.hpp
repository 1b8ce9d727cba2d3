// Makes a plan from a network type, a demand and a backend's fused ops. Each stage is a variable template of its own,
// so that each has the compiler's full budget for constant evaluation.
#pragma once

#include <tinycnn/plan/activations.hpp>
#include <tinycnn/plan/apply_deferred.hpp>
#include <tinycnn/plan/arena.hpp>
#include <tinycnn/plan/batch_norm_reductions.hpp>
#include <tinycnn/plan/build.hpp>
#include <tinycnn/plan/differentiate.hpp>
#include <tinycnn/plan/fuse.hpp>
#include <tinycnn/plan/lifetimes.hpp>

namespace tinycnn {

/// The fused ops of a backend as constexpr data, for the planner.
template <class Backend>
inline constexpr FusedOpTable<typename Backend::FusedOps> fused_ops_of{};

/// The same for a finished plan, which exists at run time: without the functions that only the planner calls, so that
/// they are not compiled into programs.
template <class Backend>
inline constexpr FusedOpTable<typename Backend::FusedOps> planned_ops_of = [] {
  FusedOpTable<typename Backend::FusedOps> table;
  for (FusedOpFacts& op : table.ops) {
    op.fits = nullptr;
    op.requirements = nullptr;
  }
  return table;
}();

namespace detail {

template <int StepRoom, int ValueRoom>
struct PlanStorage {
  Step steps[StepRoom]{};
  Value values[ValueRoom]{};
  PlanDraft draft{};  // counts and totals; its pointers are null. The stages work on other arrays, since g++ 12 does
                      // not accept an object as a constant if its own address was used during its evaluation
};

constexpr int nodes_of(const Graph& g, const Demand& demand) {
  const int all = demand.loss ? g.node_count : g.logits_nodes();
  return demand.prefix >= 0 && demand.prefix < all ? demand.prefix : all;
}

/// The stages up to the final order of steps and values.
template <class Net, class Input, class Loss, class Backend, class DemandTag>
constexpr auto make_arranged_plan() {
  constexpr const Graph& graph = graph_of<Net, Input, Loss>;
  constexpr int nodes = nodes_of(graph, DemandTag::demand);
  PlanStorage<PlanDraft::steps_room(nodes), PlanDraft::values_room(nodes)> s{};
  PlanDraft draft;
  draft.graph = &graph;
  draft.ops = fused_ops_of<Backend>.ops;
  draft.op_count = Backend::FusedOps::count;
  draft.stored = &element_type<typename Backend::Stored>;
  draft.compute = &element_type<typename Backend::Compute>;
  draft.demand = DemandTag::demand;
  draft.nodes = nodes;
  DraftRoom room(draft, PlanDraft::steps_room(nodes), PlanDraft::values_room(nodes));
  fuse(draft);
  if (draft.missing < 0) {
    apply_deferred_where_needed(draft);
    differentiate(draft);
    assign_batch_norm_reductions(draft);
  }
  room.move_to(s.steps, s.values, s.draft);
  return s;
}
template <class Net, class Input, class Loss, class Backend, class DemandTag>
inline constexpr auto arranged_plan = make_arranged_plan<Net, Input, Loss, Backend, DemandTag>();

/// The remaining stages: lifetimes and offsets, in arrays of exactly the needed size.
template <class Backend, const auto& Arranged>
constexpr auto lay_out() {
  PlanStorage<Arranged.draft.step_count + 1, Arranged.draft.value_count + 1> s{};
  PlanDraft draft = Arranged.draft;
  draft.ops = fused_ops_of<Backend>.ops;
  DraftRoom room(draft, draft.step_count + 1, draft.value_count + 1);
  for (int i = 0; i < draft.step_count; ++i) draft.steps[i] = Arranged.steps[i];
  for (int i = 0; i < draft.value_count; ++i) draft.values[i] = Arranged.values[i];
  if (draft.missing < 0) {
    find_lifetimes(draft);
    assign_offsets(draft);
  }
  room.move_to(s.steps, s.values, s.draft);
  return s;
}
template <class Net, class Input, class Loss, class Backend, class DemandTag>
inline constexpr auto laid_out_plan = lay_out<Backend, arranged_plan<Net, Input, Loss, Backend, DemandTag>>();

template <class Net, class Input, class Loss, class Backend, class DemandTag>
constexpr Plan make_plan() {
  const auto& s = detail::laid_out_plan<Net, Input, Loss, Backend, DemandTag>;
  const PlanDraft& d = s.draft;
  Plan p;
  p.graph = d.graph;
  p.ops = planned_ops_of<Backend>.ops;
  p.steps = s.steps;
  p.values = s.values;
  p.op_count = d.op_count;
  p.step_count = d.step_count;
  p.forward_count = d.forward_count;
  p.value_count = d.value_count;
  p.demand = d.demand;
  p.output = d.output;
  p.input_gradient = d.input_gradient;
  p.stored = d.stored;
  p.compute = d.compute;
  p.per_sample = d.per_sample;
  p.persistent = d.persistent;
  p.workspace = d.workspace;
  p.workspace_per_sample = d.workspace_per_sample;
  p.scratch = d.scratch;
  p.scratch_per_sample = d.scratch_per_sample;
  if constexpr (requires { typename Backend::Activations; })
    if constexpr (has_activation_in_rows(graph_of<Net, Input, Loss>)) {
      p.activations = activation_table<Backend, graph_of<Net, Input, Loss>>.of;
      p.row_passes = Backend::template row_passes<Backend>();
    }
  p.missing = d.missing;
  return p;
}

}  // namespace detail

/// The plan of `Net` for samples of shape `Input` on `Backend`. `DemandTag` is a type such as TrainingStep.
template <class Net, class Input, class Loss, class Backend, class DemandTag>
inline constexpr Plan plan_of = detail::make_plan<Net, Input, Loss, Backend, DemandTag>();

}  // namespace tinycnn
