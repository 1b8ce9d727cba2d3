// A plan as text, for people and for tests.
#pragma once

#include <utility>

#include <tinycnn/core/text.hpp>
#include <tinycnn/plan/names.hpp>
#include <tinycnn/plan/plan_data.hpp>

namespace tinycnn {

namespace detail {

[[gnu::cold]] inline std::string shape_text(const Dims& d) {
  return d.flat ? joined({"(", d.size(), ")"}) : joined({"(", d.c, ", ", d.h, ", ", d.w, ")"});
}

[[gnu::cold]] inline std::string value_text(const Plan& p, int v) {
  std::string text = "v";
  text += std::to_string(v);
  if (const int layer = p.values[v].deferred_activation; layer >= 0) {
    text += '~';
    for (char c : p.graph->layers[layer].kind->name) text += char(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  } else if (p.values[v].deferred >= 0) {
    text += "~affine";
  }
  return text;
}

/// The name of a step's op, with the activation it computes in the place of the word "activation".
[[gnu::cold]] inline std::string op_text(const Plan& p, const Step& s) {
  std::string text(p.ops[s.op].name);
  const std::size_t at = text.find(any_activation.name);
  for (int k = 0; k < s.layer_count && at != std::string::npos; ++k)
    if (const Layer& layer = p.graph->layers[s.layers[k]]; layer.activation != nullptr)
      return text.replace(at, any_activation.name.size(), layer.kind->name);
  return text;
}

}  // namespace detail

/// One line per step: its op, the layers it computes, the values it reads and writes. `~relu` marks a value stored
/// before its scale and shift, if any, and its ReLU; `+=` a gradient that the step adds to; `*` a gradient that the
/// step also masks and reduces for BatchNorm.
[[gnu::cold]] inline std::string describe(const Plan& p) {
  std::string text;
  for (int i = 0; i < p.step_count; ++i) {
    const Step& s = p.steps[i];
    const FusedOpFacts& op = p.ops[s.op];
    const bool forward = s.phase == Phase::forward;
    text += forward ? "forward  " : "backward ";
    text += detail::op_text(p, s) + (op.fallback ? " [plain loop]" : "");
    if (op.variant != nullptr)
      if (const std::string_view variant = op.variant(p.graph->layers[s.layers[0]]); !variant.empty())
        text.append(", ").append(variant);
    text += ": ";
    for (int k = 0; k < s.layer_count; ++k) {
      const std::string name = segment_name(*p.graph, p.graph->layers[s.layers[k]].segment);
      text += (k > 0 ? " " : "") + (name.empty() ? std::string(p.graph->layers[s.layers[k]].kind->name) : name);
    }
    if (forward) {
      text += " | " + detail::value_text(p, s.x);
      if (s.r >= 0) text += " + " + detail::value_text(p, s.r);
      text += " -> " + detail::value_text(p, s.y) + " " + detail::shape_text(p.values[s.y].dims);
      if (s.saved >= 0) text += " saves v" + std::to_string(s.saved);
      if (s.argmax >= 0) text += " argmax v" + std::to_string(s.argmax);
    } else {
      text += " |";
      if (s.dy >= 0) text += " v" + std::to_string(s.dy);
      text += " ->";
      for (auto [target, held] : {std::pair{s.dr, s.add_dr}, std::pair{s.dx, s.add_dx}}) {
        if (target < 0) continue;
        text += " v" + std::to_string(target);
        if (target == s.dx && s.reduces_for >= 0) text += "*";
        if (held >= 0) text += held == target ? "+=" : "=v" + std::to_string(held) + "+";
      }
      if (s.parameter_gradients) text += " dw";
    }
    text += '\n';
  }
  append(text, {"bytes: arena ", p.per_sample, " per sample, persistent ", p.persistent, ", workspace ", p.workspace,
                " + ", p.workspace_per_sample, " per sample, scratch ", p.scratch, " + ", p.scratch_per_sample,
                " per sample and worker; values are ", p.stored->name, "\n"});
  return text;
}

}  // namespace tinycnn
