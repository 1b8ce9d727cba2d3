// A fusion rule as one fact in one place: which kinds a backend's row computes together, when, and what it keeps.
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

/// The layers a row was found to cover, first to last.
struct Match {
  const Graph* graph = nullptr;
  const Layer* layers[longest_pattern] = {};
  int count = 0;
  Mode mode = Mode::training;
  bool wants_dx = true;  ///< false where the first of them reads the network's input and nobody asks for its gradient

  [[nodiscard]] constexpr const Layer& first() const { return *layers[0]; }
  [[nodiscard]] constexpr const Layer& last() const { return *layers[count - 1]; }
};

/// The memory a row wants besides its operands: elements of the type that the backend computes in, but for `inner`
/// (elements as values are stored) and `index_bytes`. The planner turns all of them into bytes.
struct Needs {
  long inner = 0;        ///< per sample: a value kept from forward to backward (a convolution's output)
  long index_bytes = 0;  ///< per sample, bytes kept from forward to backward (where each maximum came from)
  long statistics = 0;   ///< once: kept from forward to backward, and where a pending scale and shift lie
  long pending = -1;     ///< offset in `statistics` of scale (C), followed by shift (C), for a row that emits
  long prepared = 0;     ///< once: weights made ready when parameters are loaded (inference)
  long workspace = 0;    ///< once: used inside one step, shared by all
  long workspace_per_sample = 0;
  long scratch = 0;             ///< per worker
  long scratch_per_sample = 0;  ///< per worker and sample of the batch's capacity
};

/// What the planner knows of a row. A backend's row is a struct that says these as static members (see `facts_of`).
struct RowFacts {
  std::string_view name{};
  const Kind* pattern[longest_pattern] = {};  // a null kind matches any layer (a user's own)
  int length = 0;
  unsigned modes = in_any_mode;
  bool absorbs = false;           ///< x may be pending: stored before its scale, shift and ReLU
  bool absorbs_residual = false;  ///< r may be pending
  bool emits = false;             ///< leaves y pending
  bool pending_relu = false;      ///< what is pending ends in a ReLU
  bool saves_input = false;       ///< backward reads x
  bool saves_output = false;      ///< backward reads y
  bool passes_gradient = false;   ///< dx = dr = dy: shared, nothing to compute (a sum)
  bool finishes = false;          ///< backward can mask the gradient of a pending x, and sum it up
  bool takes_finished = false;    ///< backward can start from a dy so finished
  bool materializes = false;      ///< carries a pending value out (inserted by the planner)
  bool fallback = false;          ///< a plain loop standing in for a kernel the backend lacks
  bool (*fits)(const Match&) = nullptr;
  Needs (*needs)(const Match&) = nullptr;
  std::string_view (*variant)(const Layer& first) = nullptr;  ///< which of several algorithms; empty: the plain one
};

namespace detail {
template <class Row>
constexpr Needs needs_of(const Match& m) {
  if constexpr (requires { Row::needs(m); })
    return Row::needs(m);
  else
    return {};
}
template <class Row>
constexpr bool fits_of(const Match& m) {
  if constexpr (requires { Row::fits(m); })
    return Row::fits(m);
  else
    return true;
}
}  // namespace detail

/// Reads a row struct: `name` and `pattern` are required, the rest has the defaults of RowFacts.
template <class Row>
constexpr RowFacts facts_of(bool fallback = false) {
  RowFacts f;
  f.name = Row::name;
  constexpr int length = sizeof(Row::pattern) / sizeof(Row::pattern[0]);  // nvcc 13 takes no range-for over it
  for (; f.length < length; ++f.length) f.pattern[f.length] = Row::pattern[f.length];
  if constexpr (requires { Row::modes; }) f.modes = Row::modes;
  if constexpr (requires { Row::absorbs; }) f.absorbs = Row::absorbs;
  if constexpr (requires { Row::absorbs_residual; }) f.absorbs_residual = Row::absorbs_residual;
  if constexpr (requires { Row::emits; }) f.emits = Row::emits;
  if constexpr (requires { Row::pending_relu; }) f.pending_relu = Row::pending_relu;
  if constexpr (requires { Row::saves_input; }) f.saves_input = Row::saves_input;
  if constexpr (requires { Row::saves_output; }) f.saves_output = Row::saves_output;
  if constexpr (requires { Row::passes_gradient; }) f.passes_gradient = Row::passes_gradient;
  if constexpr (requires { Row::finishes; }) f.finishes = Row::finishes;
  if constexpr (requires { Row::takes_finished; }) f.takes_finished = Row::takes_finished;
  if constexpr (requires { Row::materializes; }) f.materializes = Row::materializes;
  if constexpr (requires { Row::variant; }) f.variant = Row::variant;
  f.fallback = fallback;
  f.fits = &detail::fits_of<Row>;
  f.needs = &detail::needs_of<Row>;
  return f;
}

/// A backend's rows, longest pattern first: the first that matches wins.
template <class... Row>
struct Rows {
  static constexpr int count = sizeof...(Row);
};

/// The rows as an array of facts. A row with a `fallback` member is a plain loop in a backend that lacks the kernel.
template <class RowList>
struct RowTable;
template <class... Row>
struct RowTable<Rows<Row...>> {
  RowFacts rows[sizeof...(Row)] = {facts_of<Row>(requires { Row::fallback; })...};
};

}  // namespace tinycnn
