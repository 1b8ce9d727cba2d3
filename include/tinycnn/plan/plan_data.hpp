// The plan of a network as constexpr data: steps, the values between them, and the memory both need.
#pragma once

#include <cstdint>

#include <tinycnn/core/element_type.hpp>
#include <tinycnn/plan/fused_op.hpp>

namespace tinycnn {

/// What a plan must compute. One network can have plans for several demands.
struct Demand {
  Mode mode = Mode::training;
  bool parameter_gradients = true;
  bool input_gradient = false;
  bool loss = true;  ///< compute the loss, where the backward pass starts
  int prefix = -1;   ///< the number of layers to run, from the first; -1: all
};

/// The named demands, as tag types: not every compiler handles a Demand itself as a template argument.
struct TrainingStep {
  static constexpr Demand demand{};
};
struct Prediction {
  static constexpr Demand demand{.mode = Mode::inference, .parameter_gradients = false, .loss = false};
};
/// The forward pass in inference mode, and the loss of every sample.
struct Validation {
  static constexpr Demand demand{.mode = Mode::inference, .parameter_gradients = false};
};
/// d loss / d input with running statistics and without parameter gradients, for adversarial attacks and saliency maps.
struct InputGradient {
  static constexpr Demand demand{.mode = Mode::evaluation, .parameter_gradients = false, .input_gradient = true};
};
/// A forward pass through the first `Layers` layers (joins count as layers), in inference mode.
template <int Layers>
struct ForwardPrefix {
  static constexpr Demand demand{
      .mode = Mode::inference, .parameter_gradients = false, .loss = false, .prefix = Layers};
};

enum class Phase { forward, backward };

/// One call of a fused op's kernel. Values are indices into the plan's values, -1 for none. A backward step first
/// writes dr = its contribution (+ add_dr), then dx = its contribution (+ add_dx). add_dr may be dr itself, add_dx may
/// be dx.
struct Step {
  Phase phase = Phase::forward;
  int op = -1;
  int layers[longest_pattern] = {-1, -1, -1, -1};
  int layer_count = 0;
  int x = -1, r = -1, y = -1;
  int saved = -1, argmax = -1;
  std::int64_t statistics = -1;  // bytes into the persistent memory
  std::int64_t prepared = -1;
  int dy = -1, dx = -1, dr = -1, add_dx = -1, add_dr = -1;
  int reduces_for = -1;  ///< the backward step whose BatchNorm reduction this step computes from dx; -1: none
  bool reduced = false;  ///< another step has multiplied dy by the activation's derivative and computed the reduction
  bool parameter_gradients = false;
};

/// A batch of samples in memory: an activation, a gradient, or bytes. A view has the `root` of the value it views.
struct Value {
  Dims dims{};
  const ElementType* type = nullptr;
  std::int64_t per_sample = 0;  ///< bytes per sample, a multiple of memory_alignment; 0 for a view
  int root = -1;                ///< the value whose memory this one uses: itself, unless it is a view
  int gradient_root = -1;     ///< the value whose gradient this one shares: itself, unless a view or a normalised copy
  int first = -1, last = -1;  ///< the first and the last step of its lifetime
  std::int64_t offset = -1;   ///< bytes per sample from the start of the arena
  std::int64_t deferred =
      -1;  ///< where its deferred scale and shift are, in bytes of persistent memory; -1: not deferred
  int deferred_activation = -1;  ///< the layer whose activation readers still have to apply; -1: none

  [[nodiscard]] constexpr bool is_deferred() const { return deferred >= 0 || deferred_activation >= 0; }
};

/// A finished plan. It points into constexpr arrays and owns nothing.
struct Plan {
  const Graph* graph = nullptr;
  const FusedOpFacts* ops = nullptr;
  const Step* steps = nullptr;
  const Value* values = nullptr;
  int op_count = 0, step_count = 0, forward_count = 0, value_count = 0;
  Demand demand{};
  int input = 0;    ///< the value that holds the input batch
  int output = -1;  ///< the value of the last node before the loss
  int input_gradient = -1;
  const ElementType *stored = nullptr, *compute = nullptr;  ///< the types of values and of everything else
  // All sizes are in bytes and are multiples of memory_alignment.
  std::int64_t per_sample = 0;  ///< the arena, per sample
  std::int64_t persistent = 0;  ///< independent of the batch: statistics, prepared weights
  std::int64_t workspace = 0, workspace_per_sample = 0, scratch = 0, scratch_per_sample = 0;
  const ActivationLoops<float>* activations = nullptr;  ///< the backend's, one per layer; null: those of the layers
  const void* row_passes =
      nullptr;       ///< the backend's passes for activations that run over rows, if the network has any
  int missing = -1;  ///< the first layer that no fused op of the backend computes; -1: none

  [[nodiscard]] constexpr bool uses(int op, Phase phase) const {
    for (int i = 0; i < step_count; ++i)
      if (steps[i].op == op && steps[i].phase == phase) return true;
    return false;
  }
  /// The bytes of memory for a batch of `capacity` samples, without the workers' scratch memory.
  [[nodiscard]] constexpr std::int64_t room(std::int64_t capacity) const {
    return (per_sample + workspace_per_sample) * capacity + persistent + workspace;
  }
  /// The bytes of scratch memory per worker.
  [[nodiscard]] constexpr std::int64_t scratch_room(std::int64_t capacity) const {
    return scratch + scratch_per_sample * capacity;
  }
};

}  // namespace tinycnn
