// A fusion rule as one fact in one place: which kinds a backend's fused op computes together, when, and what it saves.
#pragma once

#include <tinycnn/plan/graph.hpp>

namespace tinycnn {

/// What a plan is for. Evaluation is eval mode (running statistics, no dropout) with gradients wanted, as attacks and
/// saliency need it; inference keeps nothing for a backward pass.
enum class Mode { training, inference, evaluation };

enum ModeBit : unsigned { in_training = 1, in_inference = 2, in_evaluation = 4, in_any_mode = 7 };
constexpr unsigned bit(Mode m) {
  return m == Mode::training ? in_training : m == Mode::inference ? in_inference : in_evaluation;
}

inline constexpr int longest_pattern = 4;

/// The layers an op was found to cover, first to last.
struct Match {
  const Graph* graph = nullptr;
  const Layer* layers[longest_pattern] = {};
  int count = 0;
  Mode mode = Mode::training;
  bool wants_dx = true;  ///< false where the first of them reads the network's input and nobody asks for its gradient

  [[nodiscard]] constexpr const Layer& first() const { return *layers[0]; }
  [[nodiscard]] constexpr const Layer& last() const { return *layers[count - 1]; }
};

/// The memory an op wants besides its operands: elements of the type that the backend computes in, but for `saved`
/// (elements as values are stored) and `argmax_bytes`. The planner turns all of them into bytes.
struct MemoryRequirements {
  long saved = 0;         ///< per sample: a value kept from forward to backward (a convolution's output)
  long argmax_bytes = 0;  ///< per sample, bytes kept from forward to backward (where each maximum came from)
  long statistics = 0;    ///< once: kept from forward to backward, and where a deferred scale and shift lie
  long deferred = -1;     ///< offset in `statistics` of scale (C), followed by shift (C), for an op that defers
  long prepared = 0;      ///< once: weights made ready when parameters are loaded (inference)
  long workspace = 0;     ///< once: used inside one step, shared by all
  long workspace_per_sample = 0;
  long scratch = 0;             ///< per worker
  long scratch_per_sample = 0;  ///< per worker and sample of the batch's capacity
};

/// What the planner knows of a fused op. A backend's fused op is a struct with these as static members (see
/// `facts_of`).
struct FusedOpFacts {
  std::string_view name{};
  const Kind* pattern[longest_pattern] = {};  // a null kind matches any layer (a user's own)
  int length = 0;
  unsigned modes = in_any_mode;
  bool accepts_deferred = false;           ///< x may be deferred: stored before its scale, shift and ReLU
  bool accepts_deferred_residual = false;  ///< r may be deferred
  bool defers = false;                     ///< leaves y deferred
  bool deferred_relu = false;              ///< the deferred affine is followed by a ReLU
  bool saves_input = false;                ///< backward reads x
  bool saves_output = false;               ///< backward reads y
  bool passes_gradient = false;            ///< dx = dr = dy: shared, nothing to compute (a sum)
  bool reduces_for_batch_norm =
      false;  ///< backward can apply the ReLU mask to the gradient of a deferred x and reduce it for its BatchNorm
  bool uses_reduction = false;    ///< backward can start from a dy so masked and reduced
  bool applies_deferred = false;  ///< applies a value's deferred affine (inserted by the planner)
  bool fallback = false;          ///< a plain loop standing in for a kernel the backend lacks
  bool (*fits)(const Match&) = nullptr;
  MemoryRequirements (*requirements)(const Match&) = nullptr;
  std::string_view (*variant)(const Layer& first) = nullptr;  ///< which of several algorithms; empty: the plain one
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

/// Reads an op struct: `name` and `pattern` are required, the rest has the defaults of FusedOpFacts.
template <class Op>
constexpr FusedOpFacts facts_of(bool fallback = false) {
  FusedOpFacts f;
  f.name = Op::name;
  constexpr int length = sizeof(Op::pattern) / sizeof(Op::pattern[0]);  // nvcc 13 takes no range-for over it
  for (; f.length < length; ++f.length) f.pattern[f.length] = Op::pattern[f.length];
  if constexpr (requires { Op::modes; }) f.modes = Op::modes;
  if constexpr (requires { Op::accepts_deferred; }) f.accepts_deferred = Op::accepts_deferred;
  if constexpr (requires { Op::accepts_deferred_residual; })
    f.accepts_deferred_residual = Op::accepts_deferred_residual;
  if constexpr (requires { Op::defers; }) f.defers = Op::defers;
  if constexpr (requires { Op::deferred_relu; }) f.deferred_relu = Op::deferred_relu;
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

/// A backend's fused ops, longest pattern first: the first that matches wins.
template <class... Op>
struct FusedOps {
  static constexpr int count = sizeof...(Op);
};

/// The fused ops as an array of facts. One with a `fallback` member is a plain loop in a backend that lacks the kernel.
template <class OpList>
struct FusedOpTable;
template <class... Op>
struct FusedOpTable<FusedOps<Op...>> {
  FusedOpFacts ops[sizeof...(Op)] = {facts_of<Op>(requires { Op::fallback; })...};
};

}  // namespace tinycnn
