// The plan of a network as constexpr data: steps, the values between them, and the memory both need.
#pragma once

#include <tinycnn/core/element_type.hpp>
#include <tinycnn/plan/row.hpp>

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

/// One call of a row's kernel. Values are indices into the plan's values, -1 where there is none. A backward step
/// writes dr first and then dx, each as contribution (+ add_dr, + add_dx); those may be dr and dx themselves.
struct Step {
  Phase phase = Phase::forward;
  int row = -1;
  int layers[longest_pattern] = {-1, -1, -1, -1};
  int layer_count = 0;
  int x = -1, r = -1, y = -1;
  int inner = -1, index = -1;
  long statistics = -1;  // bytes into the once-memory
  long prepared = -1;
  int dy = -1, dx = -1, dr = -1, add_dx = -1, add_dr = -1;
  int finishes = -1;      ///< the backward step for which this one masks dx and sums it up, -1: none
  bool finished = false;  ///< another step did that for this one's dy
  bool parameter_gradients = false;
};

/// A batch of numbers in memory: an activation, a gradient, or bytes. Views share the `root` of what they view.
struct Value {
  Dims dims{};
  const ElementType* type = nullptr;
  long per_sample = 0;        ///< bytes a sample takes, a multiple of memory_alignment; 0 for a view
  int root = -1;              ///< the value whose memory this is (itself unless a view)
  int gradient_root = -1;     ///< the value whose gradient this shares (a view's, a materialised copy's)
  int first = -1, last = -1;  ///< steps between which it lives
  long offset = -1;           ///< bytes per sample from the arena's start
  long pending = -1;          ///< byte of the once-memory where its scale and shift wait; -1: stored as it is
  bool pending_relu = false;
};

/// A finished plan. It points into constexpr arrays and owns nothing.
struct Plan {
  const Graph* graph = nullptr;
  const RowFacts* rows = nullptr;
  const Step* steps = nullptr;
  const Value* values = nullptr;
  int row_count = 0, step_count = 0, forward_count = 0, value_count = 0;
  Demand demand{};
  int input = 0;    ///< the value the batch is put into
  int output = -1;  ///< the value of the last node before the loss
  int input_gradient = -1;
  const ElementType *stored = nullptr, *compute = nullptr;  ///< of values; of everything else
  // Bytes, all of them multiples of memory_alignment.
  long per_sample = 0;  ///< of the arena, per sample
  long once = 0;        ///< what exists once: statistics, prepared weights
  long workspace = 0, workspace_per_sample = 0, scratch = 0, scratch_per_sample = 0;
  int missing = -1;  ///< a layer no row computes

  [[nodiscard]] constexpr bool uses(int row, Phase phase) const {
    for (int i = 0; i < step_count; ++i)
      if (steps[i].row == row && steps[i].phase == phase) return true;
    return false;
  }
  /// Bytes of memory for a batch of `capacity`, workers' scratch aside.
  [[nodiscard]] constexpr long room(long capacity) const {
    return (per_sample + workspace_per_sample) * capacity + once + workspace;
  }
  [[nodiscard]] constexpr long scratch_room(long capacity) const { return scratch + scratch_per_sample * capacity; }
};

}  // namespace tinycnn
