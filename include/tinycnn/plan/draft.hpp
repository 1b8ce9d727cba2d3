// An unfinished plan: arrays of fixed size for steps and values, which the stages fill one after the other.
#pragma once

#include <cstdint>

#include <tinycnn/plan/plan_data.hpp>

namespace tinycnn {

/// The plan of one graph while it is being made. The stages are ordinary functions of it.
struct PlanDraft {
  const Graph* graph = nullptr;
  const FusedOpFacts* ops = nullptr;
  int op_count = 0;
  Demand demand{};
  const ElementType *stored = nullptr, *compute = nullptr;
  Step* steps = nullptr;
  Value* values = nullptr;
  int nodes = 0;  ///< the number of nodes that the demand covers, from the first
  int step_count = 0, forward_count = 0, value_count = 0;
  int output = -1, input_gradient = -1;
  std::int64_t per_sample = 0, persistent = 0, workspace = 0, workspace_per_sample = 0, scratch = 0,
               scratch_per_sample = 0;
  int missing = -1;

  static constexpr int steps_room(int nodes) { return 4 * nodes + 4; }
  static constexpr int values_room(int nodes) { return 8 * nodes + 8; }

  constexpr int add_value(const Value& v) {
    values[value_count] = v;
    return value_count++;
  }
  /// Adds a value with memory of its own: `count` elements per sample.
  constexpr int add_root(const Dims& dims, std::int64_t count, const ElementType* type) {
    return add_value({dims, type, aligned_bytes(count * type->bytes), value_count, value_count, -1, -1, -1, -1, -1});
  }
  /// The bytes of `count` elements of the compute type, aligned.
  [[nodiscard]] constexpr std::int64_t compute_bytes(std::int64_t count) const {
    return aligned_bytes(count * compute->bytes);
  }
  [[nodiscard]] constexpr int gradient_root(int v) const { return v < 0 ? -1 : values[v].gradient_root; }
  [[nodiscard]] constexpr const FusedOpFacts& op(const Step& s) const { return ops[s.op]; }
};

/// The arrays for a draft's steps and values. They exist during one constexpr evaluation.
struct DraftRoom {
  PlanDraft& draft;
  constexpr DraftRoom(PlanDraft& d, int steps, int values) : draft(d) {
    d.steps = new Step[unsigned(steps)]{};
    d.values = new Value[unsigned(values)]{};
  }
  constexpr ~DraftRoom() {
    delete[] draft.steps;
    delete[] draft.values;
  }
  DraftRoom(const DraftRoom&) = delete;
  DraftRoom& operator=(const DraftRoom&) = delete;

  constexpr void move_to(Step* steps, Value* values, PlanDraft& counts) const {
    for (int i = 0; i < draft.step_count; ++i) steps[i] = draft.steps[i];
    for (int i = 0; i < draft.value_count; ++i) values[i] = draft.values[i];
    counts = draft;
    counts.ops = nullptr;
    counts.steps = nullptr;
    counts.values = nullptr;
  }
};

/// An array of integers that exists during one constexpr evaluation.
struct IntArray {
  int* data;
  constexpr explicit IntArray(int count, int value = 0) : data(new int[unsigned(count)]{}) {
    for (int i = 0; i < count; ++i) data[i] = value;
  }
  constexpr ~IntArray() { delete[] data; }
  IntArray(const IntArray&) = delete;
  IntArray& operator=(const IntArray&) = delete;
  constexpr int& operator[](int i) { return data[i]; }
};

}  // namespace tinycnn
