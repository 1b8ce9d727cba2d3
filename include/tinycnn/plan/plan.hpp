// Network type + demand + a backend's fused ops -> plan, one variable template a stage so that each has the compiler's
// whole budget for evaluation.
#pragma once

#include <tinycnn/plan/apply_deferred.hpp>
#include <tinycnn/plan/arena.hpp>
#include <tinycnn/plan/batch_norm_reductions.hpp>
#include <tinycnn/plan/build.hpp>
#include <tinycnn/plan/differentiate.hpp>
#include <tinycnn/plan/fuse.hpp>
#include <tinycnn/plan/lifetimes.hpp>

namespace tinycnn {

/// A backend's fused ops as constexpr data, for planning.
template <class Backend>
inline constexpr FusedOpTable<typename Backend::FusedOps> fused_ops_of{};

/// The same for a finished plan, which lives on at run time: without the functions that only planning calls, so that no
/// program contains them.
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
  PlanDraft draft{};  // counts and totals; its pointers are null: the stages work elsewhere, since g++ 12 takes no
                      // object for a constant whose own address was used while it was made
};

constexpr int nodes_of(const Graph& g, const Demand& demand) {
  const int all = demand.loss ? g.node_count : g.logits_nodes();
  return demand.prefix >= 0 && demand.prefix < all ? demand.prefix : all;
}

/// Steps and values, in their final order.
template <class Net, class Input, class Loss, class Backend, class Asked>
constexpr auto make_arranged_plan() {
  constexpr const Graph& graph = graph_of<Net, Input, Loss>;
  constexpr int nodes = nodes_of(graph, Asked::demand);
  PlanStorage<PlanDraft::steps_room(nodes), PlanDraft::values_room(nodes)> s{};
  PlanDraft draft;
  draft.graph = &graph;
  draft.ops = fused_ops_of<Backend>.ops;
  draft.op_count = Backend::FusedOps::count;
  draft.stored = &element_type<typename Backend::Stored>;
  draft.compute = &element_type<typename Backend::Compute>;
  draft.demand = Asked::demand;
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
template <class Net, class Input, class Loss, class Backend, class Asked>
inline constexpr auto arranged_plan = make_arranged_plan<Net, Input, Loss, Backend, Asked>();

/// The same with lifetimes and offsets, in arrays of exactly their size.
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
template <class Net, class Input, class Loss, class Backend, class Asked>
inline constexpr auto laid_out_plan = lay_out<Backend, arranged_plan<Net, Input, Loss, Backend, Asked>>();

template <class Net, class Input, class Loss, class Backend, class Asked>
constexpr Plan make_plan() {
  const auto& s = detail::laid_out_plan<Net, Input, Loss, Backend, Asked>;
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
  p.missing = d.missing;
  return p;
}

}  // namespace detail

/// The plan of `Net` over samples of `Input` on `Backend`, for one demand.
template <class Net, class Input, class Loss, class Backend, class Asked>
inline constexpr Plan plan_of = detail::make_plan<Net, Input, Loss, Backend, Asked>();

}  // namespace tinycnn
