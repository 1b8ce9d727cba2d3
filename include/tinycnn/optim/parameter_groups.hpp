// ParameterGroups: parameters in groups, each of which has an optimizer with options of its own and a factor of the
// rate.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

/// What the rule of ParameterGroups knows of a parameter: its name in PyTorch's state_dict, such as "cnn.1.bias", the
/// kind of its layer (`&batch_norm`), and the number of its axes.
struct ParameterName {
  std::string_view name{};
  const Kind* kind = nullptr;
  int rank = 0;
};

/// One entry of torch.optim's param_groups: the options, and the factor of the schedule's rate.
template <class Optimizer>
struct ParameterGroup {
  Optimizer optimizer{};
  double rate_factor = 1;
};

/// An optimizer whose parameters form `Count` groups, in place of the optimizer in a Trainer's type. `rule` gives every
/// parameter the index of its group; it is called when the Trainer is constructed.
///   .optimizer = {.rule = [](const ParameterName& p) { return p.kind == &batch_norm || p.rank == 1 ? 1 : 0; },
///                 .groups = {{{.optimizer = {.weight_decay = 0.1}}, {.optimizer = {.weight_decay = 0}}}}}
template <class Optimizer, int Count>
struct ParameterGroups {
  static_assert(Count > 0, "an optimizer has at least one group of parameters");
  int (*rule)(const ParameterName&) = nullptr;
  std::array<ParameterGroup<Optimizer>, (Count > 0 ? Count : 1)> groups{};
};

/// A range of a network's parameters that belong to one group. It begins where the range before it ends.
struct GroupRange {
  std::int64_t end = 0;
  int group = 0;
};

/// The factors of one step, for each group.
template <class Optimizer, class T, int Count>
struct GroupFactors {
  typename Optimizer::template Factors<T> of[Count];
};

namespace detail {

/// What ParameterGroups and an optimizer without groups have in common: the optimizer of one group, and the number of
/// groups.
template <class Each>
struct GroupsOf {
  using Optimizer = Each;
  static constexpr int count = 1;
  static constexpr bool has_rule = false;
};
template <class Each, int Count>
struct GroupsOf<ParameterGroups<Each, Count>> {
  using Optimizer = Each;
  static constexpr int count = Count > 0 ? Count : 1;
  static constexpr bool has_rule = true;
};

}  // namespace detail

}  // namespace tinycnn
