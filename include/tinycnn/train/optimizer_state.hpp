// What an optimizer keeps between steps: slots, scalars and the groups of the parameters, with their place in a
// checkpoint.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <tinycnn/backends/execution.hpp>
#include <tinycnn/optim/parameter_groups.hpp>
#include <tinycnn/optim/update_range.hpp>
#include <tinycnn/train/checkpoint.hpp>

namespace tinycnn {

namespace detail {

/// Whether an optimizer defines `State`, scalars that its `factors` reads and writes in every step.
template <class Optimizer>
concept HasScalars = requires { typename Optimizer::State; };

struct NoScalars {};
template <class Optimizer>
struct ScalarsOf {
  using type = NoScalars;
};
template <HasScalars Optimizer>
struct ScalarsOf<Optimizer> {
  using type = typename Optimizer::State;
};

/// In place of the memory of the ranges if there is one group.
struct NoRanges {
  template <class Backend>
  NoRanges(Backend&, std::int64_t) {}
  [[nodiscard]] static GroupRange* data() { return nullptr; }
};

/// Throws an Error if an optimizer or a schedule says that one of its options is invalid.
template <class Owner>
[[gnu::cold]] void check_options(const Owner& owner) {
  if constexpr (requires { owner.mistake(); })
    if (const char* mistake = owner.mistake()) throw Error(mistake);
}

}  // namespace detail

/// The optimizer of a Trainer: `Each`, or ParameterGroups of it.
template <class Optimizer, class Backend>
class OptimizerState {
  using Facts = detail::GroupsOf<Optimizer>;
  using Each = typename Facts::Optimizer;
  using T = typename Backend::Compute;
  template <class Element>
  using Memory = typename Backend::template Memory<Element>;

  static constexpr int groups = Facts::count;
  static_assert(Each::slots >= 0 && detail::updates<Each, T, T>,
                "an optimizer's update takes the factors, w, g and one argument for each of its slots");

 public:
  /// Elements of state per parameter element.
  static constexpr int slots = Each::slots;

  [[gnu::cold]] OptimizerState(Backend& backend, const Optimizer& options, const Graph& graph)
      : options_(checked(options)),
        graph_(&graph),
        slots_(backend, Each::slots * graph.trained_storage),
        ranges_(backend, graph.parameter_count) {
    if constexpr (groups > 1) find_ranges();
    if constexpr (requires(const Each& each) { each.initial_value(0); }) set_initial_values();
  }

  /// Updates the parameters of `run` by their gradients times `clip`, in step `t` (from 1) at learning rate `rate`.
  void update(const Execution<Backend>& run, std::int64_t t, double rate, T clip) {
    GroupFactors<Each, T, groups> factors;
    for (int k = 0; k < groups; ++k) {
      if constexpr (detail::HasScalars<Each>)
        factors.of[k] = each(k).template factors<T>(t, rate * rate_factor(k), scalars_[k]);
      else
        factors.of[k] = each(k).template factors<T>(t, rate * rate_factor(k));
    }
    Backend::update(*run.backend, factors, ranges_.data(), clip, graph_->trained_storage, run.parameters, run.gradients,
                    slots_.data());
  }

  /// Writes `slots` entries, one for each slot.
  [[gnu::cold]] void list_slots(NamedState<const T>* to) const { list_from(to, slots_.read()); }
  [[gnu::cold]] void list_slots(NamedState<T>* to) { list_from(to, slots_.host()); }

  /// Adds the optimizer's name, its groups and its scalars.
  [[gnu::cold]] void add_notes(Notes& notes) const {
    notes.add("optimizer", name());
    if constexpr (groups > 1) notes.add("optimizer.groups", layout());
    for (int k = 0; k < groups; ++k) add_state(notes, joined({"optimizer.", k, "."}), scalars_[k]);
  }

  /// The scalars of each group.
  struct Scalars {
    typename detail::ScalarsOf<Each>::type of[groups]{};
  };
  /// The scalars that `add_notes` added. Throws an Error if the checkpoint is one of another optimizer or other groups.
  [[gnu::cold]] [[nodiscard]] Scalars read_notes(const Notes& notes, const std::string& path) const {
    const std::string* optimizer = notes.find("optimizer");
    const std::string* layout_there = notes.find("optimizer.groups");
    // Checkpoints had no such note when Adam and SGD were the library's only optimizers.
    const bool older = optimizer == nullptr && (name() == "Adam" || name() == "SGD");
    if (!older && (optimizer == nullptr || *optimizer != name()))
      throw Error({"'", path, "' has the state of ", optimizer == nullptr ? "an unnamed optimizer" : *optimizer,
                   ", this Trainer's optimizer is ", name()});
    check_layout(layout_there == nullptr ? std::string_view() : std::string_view(*layout_there), path);
    Scalars scalars;
    for (int k = 0; k < groups; ++k) read_state(notes, joined({"optimizer.", k, "."}), path, scalars.of[k]);
    return scalars;
  }
  void set_scalars(const Scalars& scalars) {
    for (int k = 0; k < groups; ++k) scalars_[k] = scalars.of[k];
  }

 private:
  [[nodiscard]] const Each& each(int group) const {
    if constexpr (Facts::has_rule)
      return options_.groups[group].optimizer;
    else
      return options_;
  }
  [[nodiscard]] double rate_factor(int group) const {
    if constexpr (Facts::has_rule)
      return options_.groups[group].rate_factor;
    else
      return 1;
  }

  [[gnu::cold]] static const Optimizer& checked(const Optimizer& options) {
    if constexpr (Facts::has_rule) {
      for (int k = 0; k < groups; ++k) {
        detail::check_options(options.groups[k].optimizer);
        const double factor = options.groups[k].rate_factor;
        if (!(factor >= 0) || !std::isfinite(factor))
          throw Error(
              {"the rate_factor of group ", k, " is ", shortest(factor), "; it must be finite and not negative"});
      }
    } else {
      detail::check_options(options);
    }
    return options;
  }

  /// Asks the rule for the group of every parameter; neighbours of one group form one range.
  [[gnu::cold]] void find_ranges() {
    if (options_.rule == nullptr)
      throw Error("ParameterGroups needs a rule, which gives every parameter the index of its group");
    GroupRange* ranges = ranges_.host();
    int count = 0;
    for (int k = 0; k < graph_->parameter_count; ++k) {
      const Parameter& p = graph_->parameters[k];
      if (p.buffer) continue;
      const std::string name = parameter_name(*graph_, p);
      const int group = options_.rule({name, graph_->layers[p.layer].kind, p.rank});
      if (group < 0 || group >= groups)
        throw Error(
            {"the rule of ParameterGroups puts ", name, " into group ", group, "; the groups are 0 to ", groups - 1});
      if (count == 0 || ranges[count - 1].group != group) ranges[count++].group = group;
      ranges[count - 1].end = p.offset + aligned(p.size());
    }
  }

  [[nodiscard]] int group_of(const Parameter& p) const {
    if constexpr (groups == 1) return 0;
    const GroupRange* range = ranges_.read();
    while (range->end <= p.offset) ++range;
    return range->group;
  }

  [[gnu::cold]] void set_initial_values() {
    T* first = slots_.host();
    for (int slot = 0; slot < Each::slots; ++slot)
      for (int k = 0; k < graph_->parameter_count; ++k)
        if (const Parameter& p = graph_->parameters[k]; !p.buffer)
          for (std::int64_t i = 0; i < p.size(); ++i)
            first[slot * graph_->trained_storage + p.offset + i] = T(each(group_of(p)).initial_value(slot));
  }

  template <class Element>
  void list_from(NamedState<Element>* to, Element* first) const {
    for (int k = 0; k < slots; ++k) to[k] = {{graph_, Backend::order, first + k * graph_->trained_storage, nullptr}, k};
  }

  [[gnu::cold]] static std::string name() {
    if constexpr (requires { Each::name; })
      return std::string(Each::name);
    else
      return joined({"an optimizer of ", Each::slots, " slots"});
  }

  /// The groups of the parameters, in the order of the parameters: "0 1 0 1".
  [[gnu::cold]] [[nodiscard]] std::string layout() const {
    std::string text;
    for (int k = 0; k < graph_->parameter_count; ++k)
      if (!graph_->parameters[k].buffer) append(text, {text.empty() ? "" : " ", group_of(graph_->parameters[k])});
    return text;
  }

  /// Throws an Error if the layout in a checkpoint, "" for one group, is not this one.
  [[gnu::cold]] void check_layout(std::string_view there, const std::string& path) const {
    if constexpr (groups == 1) {
      if (!there.empty()) throw Error({"'", path, "' has groups of parameters, this Trainer's optimizer has none"});
    } else {
      if (there.empty()) throw Error({"'", path, "' has no groups of parameters, this Trainer's optimizer has them"});
      for (int k = 0; k < graph_->parameter_count; ++k) {
        const Parameter& p = graph_->parameters[k];
        if (p.buffer) continue;
        const std::string_view group = there.substr(0, there.find(' '));
        there.remove_prefix(group.size() < there.size() ? group.size() + 1 : there.size());
        if (group != joined({group_of(p)}))
          throw Error({"'", path, "' has ", parameter_name(*graph_, p), " in group ", group.empty() ? "none" : group,
                       " of the optimizer, this Trainer in group ", group_of(p)});
      }
    }
  }

  Optimizer options_;
  const Graph* graph_;
  Memory<T> slots_;
  std::conditional_t<(groups > 1), Memory<GroupRange>, detail::NoRanges> ranges_;
  typename detail::ScalarsOf<Each>::type scalars_[groups]{};
};

}  // namespace tinycnn
