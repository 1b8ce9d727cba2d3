// First stage: builds the graph of a network type. Visits the type once to count, and again to fill arrays of exactly
// that size.
#pragma once

#include <cstdint>

#include <tinycnn/layers/activation.hpp>
#include <tinycnn/layers/own_layer.hpp>
#include <tinycnn/plan/graph.hpp>
#include <tinycnn/plan/mistakes.hpp>

namespace tinycnn {

/// A layer that computes something. Everything else that a network may contain is a Container.
template <class L>
concept LeafLayer = requires(Dims x, ParameterList& list) {
  L::kind.name;
  L::accepts(x);
  L::wants(x);
  L::output(x);
  L::macs(x);
  L::parameters(list);
};

/// The options of layer type L, or null if it has none.
template <class L>
constexpr const LayerOptions* options_in() {
  if constexpr (requires { L::options; })
    return L::options;
  else
    return nullptr;
}

/// A builder that does nothing; it only serves to test for a `visit` function.
struct AnyBuilder {
  template <class>
  constexpr int child(int, int x) {
    return x;
  }
  template <class>
  constexpr int named_child(std::string_view, int x) {
    return x;
  }
  template <class>
  constexpr int inlined(int x) {
    return x;
  }
  template <class>
  constexpr int join(int x, int) {
    return x;
  }
};
/// A type with a `visit` function, which visits the layers in it.
template <class L>
concept Container = requires(AnyBuilder& builder) { L::visit(builder, 0); };

/// Appends the visited layers to the arrays; with null arrays it only counts.
struct GraphBuilder {
  Layer* layers = nullptr;
  Node* nodes = nullptr;
  Parameter* parameters = nullptr;
  Segment* segments = nullptr;
  Dims input{};
  int layer_count = 0;
  int parameter_count = 0;
  int segment_count = 0;
  int parent = -1;  // the segment that names the container being visited
  Failure failure{};

  [[nodiscard]] constexpr Dims dims(int value) const { return value == 0 ? input : layers[value - 1].out; }

  constexpr int add_segment(std::string_view text, int index) {
    if (segments != nullptr) segments[segment_count] = {parent, text, index};
    return segment_count++;
  }

  /// Every layer, joins included, is one node and computes one value: layer i computes value i + 1.
  constexpr int append(const Layer& layer, int segment, int x, int r) {
    if (nodes != nullptr) {
      layers[layer_count] = layer;
      layers[layer_count].segment = segment;
      nodes[layer_count] = {layer_count, x, r, layer_count + 1};
    }
    return ++layer_count;
  }

  template <class L>
  constexpr int leaf(int segment, int x) {
    if (failure.mistake != nullptr) return x;
    ParameterList list{.out = parameters == nullptr ? nullptr : parameters + parameter_count, .layer = layer_count};
    L::parameters(list);
    Layer layer{.kind = &L::kind,
                .options = options_in<L>(),
                .first_parameter = parameter_count,
                .parameter_count = list.count,
                .own = own_kernels_of<L>(),
                .activation = activation_of<L>()};
    parameter_count += list.count;
    if (nodes != nullptr) {
      layer.in = dims(x);
      if (const Mistake* mistake = L::accepts(layer.in)) {
        failure = {.mistake = mistake, .layer = layer_count, .got = layer.in, .wants = L::wants(layer.in)};
        return x;
      }
      layer.out = L::output(layer.in);
      layer.macs = L::macs(layer.in);
    }
    return append(layer, segment, x, -1);
  }

  /// Records a mistake of layer `layer_count` that is not about the shape of its input.
  constexpr int refuse(const Mistake& mistake, int x) {
    const Dims shape = nodes == nullptr ? Dims{} : dims(x);
    if (failure.mistake == nullptr) failure = {.mistake = &mistake, .layer = layer_count, .got = shape, .wants = shape};
    return x;
  }

  template <class L>
  constexpr int dispatch(int segment, int x) {
    if constexpr (LeafLayer<L>) {
      return L::kind.loss ? refuse(mistakes::loss_within, x) : leaf<L>(segment, x);
    } else if constexpr (Container<L>) {
      const int outer = parent;
      parent = segment;
      const int y = L::visit(*this, x);
      parent = outer;
      return y;
    } else {
      return refuse(mistakes::not_a_layer, x);
    }
  }

  template <class L>
  static constexpr bool adds_level() {
    if constexpr (requires { L::name; })
      return !std::string_view(L::name).empty();
    else
      return true;
  }

  template <class L>
  constexpr int named_child(std::string_view text, int x, int index = 0) {
    if constexpr (!adds_level<L>()) {
      return dispatch<L>(parent, x);
    } else if constexpr (requires { L::name; }) {
      return dispatch<L>(add_segment(L::name, 0), x);
    } else {
      return dispatch<L>(add_segment(text, index), x);
    }
  }

  template <class L>
  constexpr int child(int index, int x) {
    return named_child<L>({}, x, index);
  }

  /// Visits an unnamed container without adding a level to names; anything else like child 0.
  template <class L>
  constexpr int inlined(int x) {
    if constexpr (Container<L> && !requires { L::name; })
      return dispatch<L>(parent, x);
    else
      return child<L>(0, x);
  }

  /// Appends a join, a struct such as AddTwo, of the values x and r.
  template <class Join>
  constexpr int join(int x, int r) {
    if (failure.mistake != nullptr) return x;
    Layer layer{.kind = &Join::kind, .first_parameter = parameter_count};
    if (nodes != nullptr) {
      const Dims a = dims(x), b = dims(r);
      if (const Mistake* mistake = Join::accepts(a, b)) {
        failure = {.mistake = mistake, .layer = layer_count, .got = b, .wants = a};
        return x;
      }
      layer.in = Join::input(a, b);
      layer.out = Join::output(a, b);
    }
    return append(layer, parent, x, r);
  }
};

/// The results of the first visit.
struct Counts {
  int layers = 0, parameters = 0, segments = 0;
};

struct NoLoss {};

template <class Net, class Loss>
constexpr int visit_network(GraphBuilder& builder) {
  const int y = builder.template inlined<Net>(0);
  if constexpr (__is_same(Loss, NoLoss))
    return y;
  else if constexpr (!LeafLayer<Loss>)
    return builder.refuse(mistakes::not_a_loss, y);
  else
    return Loss::kind.loss ? builder.template leaf<Loss>(-1, y) : builder.refuse(mistakes::not_a_loss, y);
}

template <class Net, class Loss>
inline constexpr Counts network_counts = [] {
  GraphBuilder builder;
  visit_network<Net, Loss>(builder);
  return Counts{builder.layer_count, builder.parameter_count, builder.segment_count};
}();

constexpr bool same_name(const Segment* segments, int a, int b) {
  for (; a != b; a = segments[a].parent, b = segments[b].parent)
    if (a < 0 || b < 0 || segments[a].index != segments[b].index || segments[a].text != segments[b].text) return false;
  return true;
}

/// The first layer with parameters that has the same name as an earlier one, or -1.
constexpr int repeated_name(const Layer* layers, int count, const Segment* segments) {
  for (int i = 0; i < count; ++i)
    for (int k = 0; layers[i].parameter_count > 0 && k < i; ++k)
      if (layers[k].parameter_count > 0 && same_name(segments, layers[i].segment, layers[k].segment)) return i;
  return -1;
}

template <int Layers, int Parameters, int Segments>
struct GraphStorage {
  Layer layers[Layers + 1]{};
  Node nodes[Layers + 1]{};
  Parameter parameters[Parameters + 1]{};
  Segment segments[Segments + 1]{};
  Graph graph{};  // counts and totals; its pointers are set by `graph_of`
};

/// Places trained parameters in one contiguous array and buffers in another, each tensor aligned.
constexpr void assign_parameter_offsets(Parameter* parameters, int count, Graph& graph) {
  for (int i = 0; i < count; ++i) {
    Parameter& p = parameters[i];
    std::int64_t& room = p.buffer ? graph.buffer_storage : graph.trained_storage;
    p.offset = room;
    room += aligned(p.size());
    if (!p.buffer) graph.trained += p.size();
  }
}

constexpr Dims at_least_one(Dims x) { return {x.c < 1 ? 1 : x.c, x.h < 1 ? 1 : x.h, x.w < 1 ? 1 : x.w, x.flat}; }

template <class Net, class Input, class Loss>
inline constexpr auto graph_storage = [] {
  constexpr Counts counts = network_counts<Net, Loss>;
  GraphStorage<counts.layers, counts.parameters, counts.segments> s{};
  GraphBuilder builder{s.layers, s.nodes, s.parameters, s.segments, Input::dims};
  if (Input::dims.c < 1 || Input::dims.h < 1 || Input::dims.w < 1)
    builder.failure = {
        .mistake = &mistakes::empty_input, .layer = 0, .got = Input::dims, .wants = at_least_one(Input::dims)};
  visit_network<Net, Loss>(builder);
  if (builder.failure.mistake == nullptr)
    if (const int i = repeated_name(s.layers, builder.layer_count, s.segments); i >= 0)
      builder.failure =
          Failure{.mistake = &mistakes::repeated_name, .layer = i, .got = s.layers[i].in, .wants = s.layers[i].in};
  s.graph.failure = builder.failure;
  if (builder.failure.mistake != nullptr) return s;  // an empty network: it causes no further errors
  s.graph.layer_count = s.graph.node_count = builder.layer_count;
  s.graph.parameter_count = builder.parameter_count;
  s.graph.input = Input::dims;
  for (int i = 0; i < builder.layer_count; ++i) s.graph.macs += s.layers[i].macs;
  assign_parameter_offsets(s.parameters, builder.parameter_count, s.graph);
  return s;
}();

/// The graph of `Net` for samples of shape `Input`. The loss is its last node, unless it is NoLoss.
template <class Net, class Input, class Loss = NoLoss>
inline constexpr Graph graph_of = [] {
  const auto& s = graph_storage<Net, Input, Loss>;
  Graph graph = s.graph;
  graph.layers = s.layers;
  graph.nodes = s.nodes;
  graph.parameters = s.parameters;
  graph.segments = s.segments;
  return graph;
}();

}  // namespace tinycnn
