// The planner's stages as ordinary functions at run time, properties of many plans, and the pinned texts of the example
// networks' plans (golden/plans; to make them again: TINYCNN_WRITE_PLANS=1 build/test/unit_tests -tc="*pinned*", which
// fails where it changes one).
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../../examples/networks/hw3_classifier.hpp"
#include "../../examples/networks/resnet.hpp"
#include "../support/demands.hpp"
#include "../support/nets.hpp"
#include "plan_properties.hpp"

namespace {

// Networks and plans are values: a program may make them before main and print them.
constexpr tinycnn::Graph network = tinycnn::graph_of<nets::SmallHw3, nets::SmallHw3Input, tinycnn::CrossEntropy>;
constexpr tinycnn::Plan training_step =
    tinycnn::plan_of<nets::SmallHw3, nets::SmallHw3Input, tinycnn::CrossEntropy, tinycnn::Cpu<>, tinycnn::TrainingStep>;
const std::string network_text = tinycnn::summary(network), plan_text = tinycnn::describe(training_step);

using namespace tinycnn;
using namespace plan_properties;

using Picture = Image<3, 128, 128>;
using Fused = Cpu<cpu::Avx512>;  // a type: no flag changes its plans
using Plain = Reference<float>;

/// How often each contribution is part of a gradient: (reading step, operand) -> times.
using Contributions = std::map<std::pair<int, char>, int>;

Contributions sum(Contributions a, const Contributions& b) {
  for (const auto& [key, times] : b) a[key] += times;
  return a;
}

/// Simulates the backward steps with sets of contributions instead of gradients, and compares the dy of each step with
/// what follows from the forward steps: one contribution from every reader, or the reader's own gradient if it is a
/// sum.
bool gradients_are_complete(const Plan& p) {
  const auto gradient_root = [&](int v) { return p.values[v].gradient_root; };
  std::map<int, Contributions> expected, held;  // by gradient root; by value
  std::vector<bool> wanted(std::size_t(p.value_count), false);
  wanted[0] = p.demand.input_gradient;
  const auto trains = [&](const Step& s) {
    for (int k = 0; k < s.layer_count; ++k)
      if (p.demand.parameter_gradients && p.graph->layers[s.layers[k]].parameter_count > 0) return true;
    return false;
  };
  for (int i = 0; i < p.forward_count; ++i) {
    const Step& s = p.steps[i];
    if (p.ops[s.op].applies_deferred) continue;
    if (wanted[std::size_t(gradient_root(s.x))] || (s.r >= 0 && wanted[std::size_t(gradient_root(s.r))]) || trains(s))
      wanted[std::size_t(gradient_root(s.y))] = true;
  }
  for (int i = p.forward_count - 1; i >= 0; --i) {
    const Step& s = p.steps[i];
    if (p.ops[s.op].applies_deferred || !wanted[std::size_t(gradient_root(s.y))]) continue;
    for (auto [operand, letter] : {std::pair{s.x, 'x'}, std::pair{s.r, 'r'}}) {
      if (operand < 0) continue;
      Contributions& all = expected[gradient_root(operand)];
      all = sum(all, p.ops[s.op].passes_gradient ? expected[gradient_root(s.y)] : Contributions{{{s.y, letter}, 1}});
    }
  }
  for (int i = p.forward_count; i < p.step_count; ++i) {
    const Step& s = p.steps[i];
    if (s.dy >= 0 && held[s.dy] != expected[gradient_root(s.y)]) return false;
    const Contributions passed = s.dy >= 0 ? held[s.dy] : Contributions{};
    for (auto [target, add, letter] : {std::tuple{s.dr, s.add_dr, 'r'}, std::tuple{s.dx, s.add_dx, 'x'}}) {
      if (target < 0) continue;
      const Contributions own = p.ops[s.op].passes_gradient ? passed : Contributions{{{s.y, letter}, 1}};
      held[target] = add < 0 ? own : sum(held[add], own);
    }
  }
  return p.input_gradient < 0 || held[p.input_gradient] == expected[0];
}

void check_plan(const std::string& name, const Plan& p) {
  CAPTURE(name);
  INFO(describe(p));
  CHECK(p.missing < 0);
  CHECK(reads_only_what_is_written(p));
  CHECK(forgets_after_backward(p));
  CHECK(gradients_alias_nothing(p));
  CHECK(memory_is_not_shared(p));
  CHECK(gradients_are_complete(p));
  CHECK(p.per_sample >= lower_bound(p));
}

template <class Net, class Input, class Backend, class... Asked>
void check_plans(const std::string& name) {
  (check_plan(name, plan_of<Net, Input, CrossEntropy, Backend, Asked>), ...);
}

template <class Net, class Input>
void check_net(const std::string& name) {
  check_plans<Net, Input, Fused, TrainingStep, EveryGradient, InputGradient, Prediction, ForwardPrefix<3>>(name);
  check_plans<Net, Input, Plain, EveryGradient>(name + ", unfused");
}

TEST_CASE("plans of small networks are sound") {
  nets::for_hard_nets([]<class Net, class Input>(const char* name) { check_net<Net, Input>(name); });
  check_net<nets::SmallHw3, nets::SmallHw3Input>("small HW3");
  check_net<nets::SmallResNet, nets::SmallResNetInput>("small ResNet");
}

TEST_CASE("networks and plans are values that can be made at the top of a program") {
  CHECK(network_text.find("Conv2d") != std::string::npos);
  CHECK(plan_text.find("backward CrossEntropy") != std::string::npos);
  using Model = Trainer<nets::SmallHw3, nets::SmallHw3Input, Batch<2>, CrossEntropy, Adam, Constant, Cpu<>>;
  CHECK(plan_text == describe(Model::plan));
}

TEST_CASE("plans of the example networks are sound") {
  check_plans<networks::Classifier, Picture, Fused, TrainingStep, InputGradient, Validation>("HW3");
  check_plans<networks::CourseResNet18, Picture, Fused, TrainingStep, InputGradient, ForwardPrefix<20>>(
      "the course's ResNet-18");
  check_plans<networks::CourseResNet18, Picture, Plain, TrainingStep>("the course's ResNet-18, unfused");
  check_plans<networks::ResNet50, Picture, Fused, TrainingStep, Prediction>("ResNet-50");
}

/// Every field, so that a further one does not compile until it is compared, too.
bool same(const Step& one, const Step& other) {
  const auto all = [](const Step& s) {
    const auto& [phase, op, layers, layer_count, x, r, y, saved, argmax, statistics, prepared, dy, dx, dr, add_dx,
                 add_dr, reduces_for, reduced, parameter_gradients] = s;
    return std::tuple(phase, op, std::vector<int>(layers, layers + longest_pattern), layer_count, x, r, y, saved,
                      argmax, statistics, prepared, dy, dx, dr, add_dx, add_dr, reduces_for, reduced,
                      parameter_gradients);
  };
  return all(one) == all(other);
}
bool same(const Value& one, const Value& other) {
  const auto all = [](const Value& v) {
    const auto& [dims, type, per_sample, root, gradient_root, first, last, offset, deferred, deferred_activation] = v;
    return std::tuple(dims, type, per_sample, root, gradient_root, first, last, offset, deferred, deferred_activation);
  };
  return all(one) == all(other);
}

/// The stages once more, at run time, on the graph of a finished plan and the rows it was made with.
template <class F>
void plan_at_run_time(const Plan& p, const FusedOpFacts* ops, F&& look) {
  PlanDraft draft;
  draft.graph = p.graph;
  draft.ops = ops;
  draft.op_count = p.op_count;
  draft.demand = p.demand;
  draft.stored = p.stored;
  draft.compute = p.compute;
  draft.nodes = detail::nodes_of(*p.graph, p.demand);
  const DraftRoom room(draft, PlanDraft::steps_room(draft.nodes), PlanDraft::values_room(draft.nodes));
  fuse(draft);
  apply_deferred_where_needed(draft);
  differentiate(draft);
  assign_batch_norm_reductions(draft);
  find_lifetimes(draft);
  assign_offsets(draft);
  look(draft);
}

TEST_CASE("the stages give at run time what they gave the compiler") {
  for (const auto& [plan, ops] :
       {std::pair{&plan_of<nets::SmallResNet, nets::SmallResNetInput, CrossEntropy, Fused, TrainingStep>,
                  fused_ops_of<Fused>.ops},
        std::pair{&plan_of<nets::SmallHw3, nets::SmallHw3Input, CrossEntropy, Fused, Prediction>,
                  fused_ops_of<Fused>.ops},
        std::pair{&plan_of<nets::NestedLayers, nets::Row, CrossEntropy, Plain, EveryGradient>,
                  fused_ops_of<Plain>.ops}})
    plan_at_run_time(*plan, ops, [p = plan](const PlanDraft& draft) {
      REQUIRE(draft.step_count == p->step_count);
      REQUIRE(draft.value_count == p->value_count);
      CHECK(draft.forward_count == p->forward_count);
      CHECK(draft.per_sample == p->per_sample);
      CHECK(draft.persistent == p->persistent);
      CHECK(draft.workspace == p->workspace);
      CHECK(draft.workspace_per_sample == p->workspace_per_sample);
      CHECK(draft.scratch == p->scratch);
      CHECK(draft.scratch_per_sample == p->scratch_per_sample);
      CHECK(draft.output == p->output);
      CHECK(draft.input_gradient == p->input_gradient);
      CHECK(draft.missing == p->missing);
      for (int i = 0; i < draft.step_count; ++i) {
        CAPTURE(i);
        CHECK(same(draft.steps[i], p->steps[i]));
      }
      for (int v = 0; v < draft.value_count; ++v) {
        CAPTURE(v);
        CHECK(same(draft.values[v], p->values[v]));
      }
    });
}

TEST_CASE("values are placed largest first, into the lowest gap that is free while they live") {
  Value values[4];  // lives: 0 [0, 3], 1 [0, 1], 2 [2, 3], 3 [1, 2]
  const int lives[4][2] = {{0, 3}, {0, 1}, {2, 3}, {1, 2}};
  const long rooms[4] = {16, 64, 48, 32};
  PlanDraft draft;
  draft.values = values;
  draft.value_count = 4;
  for (int v = 0; v < 4; ++v) {
    values[v].per_sample = rooms[v];
    values[v].root = v;
    values[v].first = lives[v][0];
    values[v].last = lives[v][1];
  }
  assign_offsets(draft);
  CHECK(values[1].offset == 0);   // the largest
  CHECK(values[2].offset == 0);   // born after 1 died
  CHECK(values[3].offset == 64);  // beside both
  CHECK(values[0].offset == 96);  // on top
  CHECK(draft.per_sample == 112);
}

std::string file_text(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "rb")) {
    char part[4096];
    for (std::size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;) text.append(part, got);
    std::fclose(file);
  }
  return text;
}

template <class Net, class Asked>
void check_pinned(const char* name) {
  const std::string text = describe(plan_of<Net, Picture, CrossEntropy, Fused, Asked>);
  const std::string path = std::string(TINYCNN_GOLDEN_DIR) + "/plans/" + name + ".txt";
  const bool is_as_pinned = file_text(path) == text;  // before it is written anew: a run that changes it fails
  if (!is_as_pinned && std::getenv("TINYCNN_WRITE_PLANS") != nullptr) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    CHECK(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    std::fclose(file);
  }
  INFO(path << " differs from:\n" << text);
  CHECK(is_as_pinned);
}

TEST_CASE("plans of the example networks are as pinned") {
  check_pinned<networks::Classifier, TrainingStep>("hw3_training");
  check_pinned<networks::Classifier, Prediction>("hw3_prediction");
  check_pinned<networks::CourseResNet18, TrainingStep>("resnet18_training");
  check_pinned<networks::CourseResNet18, Prediction>("resnet18_prediction");
}

}  // namespace
