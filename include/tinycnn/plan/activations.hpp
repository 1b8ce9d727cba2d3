// The activations of a network as a backend computes them: its own functions where it has them, else the layers' loops.
#pragma once

#include <tinycnn/layers/activation.hpp>
#include <tinycnn/plan/graph.hpp>

namespace tinycnn {

/// A backend's own functions of activations, each a struct with a `kind` and `loops`, in f32.
template <class... A>
struct ActivationList {};

namespace detail {

constexpr bool uses_kind(const Graph& g, const Kind& kind) {
  for (int i = 0; i < g.layer_count; ++i)
    if (g.layers[i].kind == &kind) return true;
  return false;
}

/// Whether a graph has an activation that runs over rows: any but ReLU.
constexpr bool has_activation_in_rows(const Graph& g) {
  for (int i = 0; i < g.layer_count; ++i)
    if (g.layers[i].activation != nullptr && !g.layers[i].activation->inlined) return true;
  return false;
}

/// The functions of each layer of a graph, null where it is not an activation. Only those that it uses are
/// instantiated.
template <class List, const Graph& G>
struct ActivationTable;
template <class... A, const Graph& G>
struct ActivationTable<ActivationList<A...>, G> {
  ActivationLoops<float> of[G.layer_count + 1]{};

  constexpr ActivationTable() {
    for (int i = 0; i < G.layer_count; ++i)
      if (G.layers[i].activation != nullptr) of[i] = G.layers[i].activation->in_float;
    (replace<A>(), ...);
  }

 private:
  template <class One>
  constexpr void replace() {
    if constexpr (uses_kind(G, One::kind))
      for (int i = 0; i < G.layer_count; ++i)
        if (G.layers[i].kind == &One::kind) of[i] = One::loops;
  }
};

template <class Backend, const Graph& G>
inline constexpr ActivationTable<typename Backend::Activations, G> activation_table{};

}  // namespace detail
}  // namespace tinycnn
