// A backend's fused op as the planner sees it: the kinds of layers it computes together, in which modes, and the memory
// it needs.
#pragma once

#include <cstdint>
#include <iterator>

#include <tinycnn/layers/activation.hpp>
#include <tinycnn/plan/graph.hpp>

namespace tinycnn {

/// The mode of a plan. Evaluation is PyTorch's eval mode (running statistics, no dropout) with a backward pass, as
/// adversarial attacks and saliency maps need it; inference is eval mode without a backward pass.
enum class Mode { training, inference, evaluation };

enum ModeBit : unsigned { in_training = 1, in_inference = 2, in_evaluation = 4, in_any_mode = 7 };
constexpr unsigned bit(Mode m) {
  return m == Mode::training ? in_training : m == Mode::inference ? in_inference : in_evaluation;
}

inline constexpr int longest_pattern = 4;

/// The layers that an op covers at one place of a graph, first to last.
struct Match {
  const Graph* graph = nullptr;
  const Layer* layers[longest_pattern] = {};
  int count = 0;
  Mode mode = Mode::training;
  bool wants_dx = true;    ///< false if the first layer reads the network's input and its gradient is not needed
  bool is_output = false;  ///< the caller reads the match's result, itself or by a view

  [[nodiscard]] constexpr const Layer& first() const { return *layers[0]; }
  [[nodiscard]] constexpr const Layer& last() const { return *layers[count - 1]; }
  /// The first of its layers that is an activation, or -1.
  [[nodiscard]] constexpr int activation() const {
    for (int k = 0; k < count; ++k)
      if (layers[k]->activation != nullptr) return k;
    return -1;
  }
  /// Whether one of its layers is an activation that runs over rows: any but ReLU, which every kernel has inlined.
  [[nodiscard]] constexpr bool activation_in_rows() const {
    return activation() >= 0 && !layers[activation()]->activation->inlined;
  }
};

/// The memory that an op needs besides its operands. Sizes are in elements of the backend's compute type, except for
/// `saved` (elements of its storage type) and `argmax_bytes`. The planner converts all of them to bytes.
struct MemoryRequirements {
  std::int64_t saved = 0;         ///< per sample: a value kept from forward to backward, such as a convolution's output
  std::int64_t argmax_bytes = 0;  ///< bytes per sample, kept from forward to backward: the position of each maximum
  std::int64_t statistics = 0;    ///< kept from forward to backward; includes the scale and shift that an op defers
  std::int64_t deferred = -1;  ///< offset in `statistics` of the scale (C), followed by the shift (C), if the op defers
                               ///< them: y is stored before they are applied
  int deferred_activation = -1;  ///< which of the op's layers is an activation that it defers; -1: none
  std::int64_t prepared = 0;     ///< weights that are packed when parameters are loaded (inference)
  std::int64_t workspace = 0;    ///< used within one step, shared by all steps
  std::int64_t workspace_per_sample = 0;
  std::int64_t scratch = 0;             ///< per worker
  std::int64_t scratch_per_sample = 0;  ///< per worker and sample of the batch's capacity
};

/// What the planner knows about a fused op. A backend defines a fused op as a struct with these as static members (see
/// `facts_of`).
struct FusedOpFacts {
  std::string_view name{};
  const Kind* pattern[longest_pattern] = {};  // null matches any custom layer, any_activation any activation
  int length = 0;
  unsigned modes = in_any_mode;
  bool accepts_deferred = false;           ///< x may be deferred: stored before its scale, shift and activation
  bool accepts_deferred_residual = false;  ///< r may be deferred, unless with an activation other than ReLU
  bool accepts_only_relu = false;          ///< x may be deferred, unless with an activation other than ReLU
  bool saves_input = false;                ///< backward reads x and r
  bool saves_output = false;               ///< backward reads y
  bool passes_gradient = false;            ///< dx = dr = dy: shared, nothing to compute (Add)
  bool reduces_for_batch_norm = false;     ///< backward can multiply dx by the derivative of a deferred x's activation
                                           ///< and compute its BatchNorm reduction
  bool uses_reduction = false;             ///< backward can use such a dy and its BatchNorm reduction
  bool applies_deferred = false;           ///< applies the deferred affine of a value; the planner inserts such steps
  bool fallback = false;                   ///< a plain loop in place of a kernel that the backend lacks
  bool (*fits)(const Match&) = nullptr;
  MemoryRequirements (*requirements)(const Match&) = nullptr;
  std::string_view (*variant)(const Layer& first) = nullptr;  ///< the name of the algorithm used; empty: the default
};

namespace detail {
template <class Op>
constexpr MemoryRequirements requirements_of(const Match& m) {
  if constexpr (requires { Op::requirements(m); })
    return Op::requirements(m);
  else
    return {};
}
template <class Op>
constexpr bool fits_of(const Match& m) {
  if constexpr (requires { Op::fits(m); })
    return Op::fits(m);
  else
    return true;
}
}  // namespace detail

/// The facts of the fused op struct Op: `name` and `pattern` are required, the rest has the defaults of FusedOpFacts.
template <class Op>
constexpr FusedOpFacts facts_of(bool fallback = false) {
  FusedOpFacts f;
  f.name = Op::name;
  constexpr int length = int(std::size(Op::pattern));  // nvcc 13 rejects a range-for over the array
  for (; f.length < length; ++f.length) f.pattern[f.length] = Op::pattern[f.length];
  if constexpr (requires { Op::modes; }) f.modes = Op::modes;
  if constexpr (requires { Op::accepts_deferred; }) f.accepts_deferred = Op::accepts_deferred;
  if constexpr (requires { Op::accepts_deferred_residual; })
    f.accepts_deferred_residual = Op::accepts_deferred_residual;
  if constexpr (requires { Op::accepts_only_relu; }) f.accepts_only_relu = Op::accepts_only_relu;
  if constexpr (requires { Op::saves_input; }) f.saves_input = Op::saves_input;
  if constexpr (requires { Op::saves_output; }) f.saves_output = Op::saves_output;
  if constexpr (requires { Op::passes_gradient; }) f.passes_gradient = Op::passes_gradient;
  if constexpr (requires { Op::reduces_for_batch_norm; }) f.reduces_for_batch_norm = Op::reduces_for_batch_norm;
  if constexpr (requires { Op::uses_reduction; }) f.uses_reduction = Op::uses_reduction;
  if constexpr (requires { Op::applies_deferred; }) f.applies_deferred = Op::applies_deferred;
  if constexpr (requires { Op::variant; }) f.variant = Op::variant;
  f.fallback = fallback;
  f.fits = &detail::fits_of<Op>;
  f.requirements = &detail::requirements_of<Op>;
  return f;
}

/// The list of a backend's fused ops, longest pattern first: the planner uses the first that matches.
template <class... Op>
struct FusedOps {
  static constexpr int count = sizeof...(Op);
};

/// The fused ops as an array of facts. An op with a `fallback` member is a plain loop in place of a kernel.
template <class OpList>
struct FusedOpTable;
template <class... Op>
struct FusedOpTable<FusedOps<Op...>> {
  FusedOpFacts ops[sizeof...(Op)] = {facts_of<Op>(requires { Op::fallback; })...};
};

}  // namespace tinycnn
