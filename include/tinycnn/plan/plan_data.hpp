// The plan of a network as constexpr data: steps, the values between them, and the memory both need.
#pragma once

#include <tinycnn/core/element_type.hpp>
#include <tinycnn/plan/fused_op.hpp>

namespace tinycnn {

/// What is asked of a network. The same spec answers many demands; each is a plan of its own.
struct Demand {
  Mode mode = Mode::training;
  bool parameter_gradients = true;
  bool input_gradient = false;
  bool loss = true;  ///< run the loss, which starts the backward pass
  int prefix = -1;   ///< only the first so many layers; -1: all
};

/// The demands by name, as types: a template argument of class type is more than every compiler bears.
struct TrainingStep {
  static constexpr Demand demand{};
};
struct Prediction {
  static constexpr Demand demand{Mode::inference, false, false, false, -1};
};
/// The forward pass in inference mode, and the loss of every sample.
struct Validation {
  static constexpr Demand demand{Mode::inference, false, false, true, -1};
};
/// d loss / d input with running statistics and without parameter gradients: attacks, saliency.
struct InputGradient {
  static constexpr Demand demand{Mode::evaluation, false, true, true, -1};
};
/// A forward pass over the first `Layers` layers (joins count as layers), in inference mode.
template <int Layers>
struct ForwardPrefix {
  static constexpr Demand demand{Mode::inference, false, false, false, Layers};
};

enum class Phase { forward, backward };

/// One call of an op's kernel. Values are indices into the plan's values, -1 where there is none. A backward step
/// writes dr first and then dx, each as contribution (+ add_dr, + add_dx); those may be dr and dx themselves.
struct Step {
  Phase phase = Phase::forward;
  int op = -1;
  int layers[longest_pattern] = {-1, -1, -1, -1};
  int layer_count = 0;
  int x = -1, r = -1, y = -1;
  int saved = -1, argmax = -1;
  long statistics = -1;  // bytes into the persistent memory
  long prepared = -1;
  int dy = -1, dx = -1, dr = -1, add_dx = -1, add_dr = -1;
  int reduces_for = -1;  ///< the backward step for whose BatchNorm this one masks and reduces dx, -1: none
  bool reduced = false;  ///< another step has masked and reduced this one's dy
  bool parameter_gradients = false;
};

/// A batch of elements in memory: an activation, a gradient, or bytes. Views share the `root` of what they view.
struct Value {
  Dims dims{};
  const ElementType* type = nullptr;
  long per_sample = 0;        ///< bytes a sample takes, a multiple of memory_alignment; 0 for a view
  int root = -1;              ///< the value whose memory this is (itself unless a view)
  int gradient_root = -1;     ///< the value whose gradient this shares (a view's, a normalised copy's)
  int first = -1, last = -1;  ///< steps between which it lives
  long offset = -1;           ///< bytes per sample from the arena's start
  long deferred = -1;         ///< byte of the persistent memory where its scale and shift wait; -1: stored as it is
  bool deferred_relu = false;
};

/// A finished plan. It points into constexpr arrays and owns nothing.
struct Plan {
  const Graph* graph = nullptr;
  const FusedOpFacts* ops = nullptr;
  const Step* steps = nullptr;
  const Value* values = nullptr;
  int op_count = 0, step_count = 0, forward_count = 0, value_count = 0;
  Demand demand{};
  int input = 0;    ///< the value the batch is put into
  int output = -1;  ///< the value of the last node before the loss
  int input_gradient = -1;
  const ElementType *stored = nullptr, *compute = nullptr;  ///< of values; of everything else
  // Bytes, all of them multiples of memory_alignment.
  long per_sample = 0;  ///< of the arena, per sample
  long persistent = 0;  ///< what exists once: statistics, prepared weights
  long workspace = 0, workspace_per_sample = 0, scratch = 0, scratch_per_sample = 0;
  int missing = -1;  ///< a layer no op computes

  [[nodiscard]] constexpr bool uses(int op, Phase phase) const {
    for (int i = 0; i < step_count; ++i)
      if (steps[i].op == op && steps[i].phase == phase) return true;
    return false;
  }
  /// Bytes of memory for a batch of `capacity`, workers' scratch aside.
  [[nodiscard]] constexpr long room(long capacity) const {
    return (per_sample + workspace_per_sample) * capacity + persistent + workspace;
  }
  [[nodiscard]] constexpr long scratch_room(long capacity) const { return scratch + scratch_per_sample * capacity; }
};

}  // namespace tinycnn
