// Properties that every plan must have, as functions of a finished plan. What a step reads and writes is stated here
// independently of the planner.
#pragma once

#include <tinycnn/plan/plan.hpp>

namespace plan_properties {
using namespace tinycnn;

/// The values that a step reads or writes, -1 for none.
struct Access {
  int reads[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
  int writes[4] = {-1, -1, -1, -1};
};

constexpr Access access_of(const Plan& p, int at) {
  const Step& s = p.steps[at];
  const FusedOpFacts& op = p.ops[s.op];
  if (s.phase == Phase::forward) return {{s.x, s.r, -1, -1, -1, -1, -1, -1}, {s.y, s.saved, s.argmax, -1}};
  return {{s.dy, s.saved, s.argmax, s.add_dx, s.add_dr, op.saves_input ? s.x : -1, op.saves_output ? s.y : -1, -1},
          {s.dr, s.dx, -1, -1}};
}

constexpr int root_of(const Plan& p, int value) { return value < 0 ? -1 : p.values[value].root; }

constexpr bool accesses(const Access& a, const Plan& p, int root) {
  for (int v : a.reads)
    if (v >= 0 && root_of(p, v) == root) return true;
  for (int v : a.writes)
    if (v >= 0 && root_of(p, v) == root) return true;
  return false;
}

constexpr bool outlives_the_steps(const Plan& p, int root) {
  return root == root_of(p, p.output) || root == root_of(p, p.input_gradient) ||
         (p.demand.loss && root == root_of(p, p.graph->node_count));
}

/// Whether the memory of values that are needed at the same step does not overlap. The input is needed from before the
/// first step.
constexpr bool memory_is_not_shared(const Plan& p) {
  for (int v = 0; v < p.value_count; ++v) {
    if (p.values[v].root != v) continue;
    int first = v == root_of(p, p.input) ? 0 : -1, last = first;
    for (int i = 0; i < p.step_count; ++i) {
      if (!accesses(access_of(p, i), p, v)) continue;
      if (first < 0) first = i;
      last = i;
    }
    if (outlives_the_steps(p, v)) last = p.step_count;
    if (first < 0) continue;
    if (p.values[v].first > first || p.values[v].last < last) return false;
    if (p.values[v].offset < 0 || p.values[v].offset + p.values[v].per_sample > p.per_sample) return false;
    for (int w = 0; w < v; ++w) {
      const Value &a = p.values[v], &b = p.values[w];
      if (b.root != w || b.first < 0 || a.first > b.last || b.first > a.last) continue;
      if (a.offset < b.offset + b.per_sample && b.offset < a.offset + a.per_sample) return false;
    }
  }
  return true;
}

/// Whether every step reads only what an earlier step wrote or, since it writes dr before dx, its own dr.
constexpr bool reads_only_what_is_written(const Plan& p) {
  const auto written_before = [&](int root, int at) {
    if (root == root_of(p, p.input)) return true;
    for (int i = 0; i < at; ++i)
      for (int w : access_of(p, i).writes)
        if (w >= 0 && root_of(p, w) == root) return true;
    return false;
  };
  for (int i = 0; i < p.step_count; ++i)
    for (int v : access_of(p, i).reads) {
      const bool just_written =
          v >= 0 && p.steps[i].phase == Phase::backward && v == p.steps[i].add_dx && v == p.steps[i].dr;
      if (v >= 0 && !just_written && !written_before(root_of(p, v), i)) return false;
    }
  return true;
}

/// Whether no step reads y, saved or argmax of a step after its backward step, which may have stored gradients there.
constexpr bool forgets_after_backward(const Plan& p) {
  for (int i = p.forward_count; i < p.step_count; ++i)
    for (int kept : {p.steps[i].y, p.steps[i].saved, p.steps[i].argmax})
      for (int k = i + 1; kept >= 0 && k < p.step_count; ++k)
        for (int v : access_of(p, k).reads)
          if (v >= 0 && root_of(p, v) == root_of(p, kept)) return false;
  return true;
}

/// Whether a gradient that a step writes is none of its other operands, except the one that it adds to.
constexpr bool gradients_alias_nothing(const Plan& p) {
  for (int i = p.forward_count; i < p.step_count; ++i) {
    const Step& s = p.steps[i];
    for (int target : {s.dx, s.dr}) {
      if (target < 0) continue;
      for (int v : {s.dy, s.x, s.r, s.y, s.saved, s.argmax})
        if (v >= 0 && root_of(p, v) == root_of(p, target)) return false;
    }
    if (s.dx >= 0 && s.dx == s.dr && s.add_dx != s.dr) return false;
    if (s.add_dr >= 0 && s.add_dr != s.dr && s.add_dr == s.dx) return false;  // overwritten before it is read
  }
  return true;
}

/// A lower bound of the memory in bytes per sample: the largest total size of values that are needed at the same step.
constexpr long lower_bound(const Plan& p) {
  long most = 0;
  for (int i = 0; i <= p.step_count; ++i) {
    long live = 0;
    for (int v = 0; v < p.value_count; ++v)
      if (p.values[v].root == v && p.values[v].first >= 0 && p.values[v].first <= i && i <= p.values[v].last)
        live += p.values[v].per_sample;
    if (live > most) most = live;
  }
  return most;
}

constexpr int count_ops(const Plan& p, std::string_view name) {
  int count = 0;
  for (int i = 0; i < p.step_count; ++i) count += p.ops[p.steps[i].op].name == name ? 1 : 0;
  return count;
}

constexpr int position_of(const Plan& p, std::string_view name) {
  for (int i = 0; i < p.step_count; ++i)
    if (p.ops[p.steps[i].op].name == name) return i;
  return -1;
}

constexpr bool is_sound(const Plan& p) {
  return p.missing < 0 && reads_only_what_is_written(p) && forgets_after_backward(p) && gradients_alias_nothing(p) &&
         memory_is_not_shared(p);
}

}  // namespace plan_properties
