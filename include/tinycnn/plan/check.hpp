// Turns the first failure recorded in a graph into one compile error that names the layer by index and type.
#pragma once

#include <tinycnn/layers/concat.hpp>
#include <tinycnn/layers/mistake.hpp>
#include <tinycnn/layers/residual.hpp>
#include <tinycnn/layers/sequential.hpp>
#include <tinycnn/plan/plan.hpp>

namespace tinycnn {

namespace detail {

/// Stands for container L itself: for a join of its branches, or for all of it if its parts are not known.
template <class L>
struct Whole {};

template <class... Part>
struct Parts {};

// The parts of container Self in the order of its visit. The parameters are pointers so that derived structs convert to
// their base.
template <class Self, class... L>
Parts<L...> parts_of(const Sequential<L...>*);
template <class Self, class Main, class Shortcut>
Parts<Main, Shortcut, Whole<Self>> parts_of(const Residual<Main, Shortcut>*);
template <class Self, class First, class... More>
auto parts_of(const Concat<First, More...>*) -> Parts<First, Parts<More, Whole<Self>>...>;
template <class Self>
Whole<Self> parts_of(const void*);  // a custom container

/// Counts layers and joins; a type that is not a layer counts as one.
struct LayerCounter {
  int count = 0;

  template <class L>
  constexpr int child(int, int x) {
    if constexpr (Container<L>)
      L::visit(*this, x);
    else
      ++count;
    return x;
  }
  template <class L>
  constexpr int named_child(std::string_view, int x) {
    return child<L>(0, x);
  }
  template <class L>
  constexpr int inlined(int x) {
    return child<L>(0, x);
  }
  template <class>
  constexpr int join(int x, int) {
    ++count;
    return x;
  }
};

template <class L>
constexpr int layers_in(const L*) {
  LayerCounter counter;
  counter.child<L>(0, 0);
  return counter.count;
}
template <class... Part>
constexpr int layers_in(const Parts<Part...>*) {
  return (0 + ... + layers_in(static_cast<const Part*>(nullptr)));
}

/// The type of layer `Index` in L.
template <int Index, class L>
struct LayerAt {  // a leaf, or a type that is not a layer
  using type = L;
};
template <int Index, class L>
struct LayerAt<Index, Whole<L>> {
  using type = L;
};
template <int Index, class L>
  requires Container<L>
struct LayerAt<Index, L> {
  using type = typename LayerAt<Index, decltype(parts_of<L>(static_cast<const L*>(nullptr)))>::type;
};
template <int Index, class First, class... More>
struct LayerAt<Index, Parts<First, More...>> {
  static constexpr int here = layers_in(static_cast<const First*>(nullptr));
  static auto choose() {
    if constexpr (Index < here)
      return LayerAt<Index, First>{};
    else
      return LayerAt<Index - here, Parts<More...>>{};
  }
  using type = typename decltype(choose())::type;
};

template <int C, int H, int W, bool Flat>
struct ShapeType {
  using type = Image<C, H, W>;
};
template <int C, int H, int W>
struct ShapeType<C, H, W, true> {
  using type = Features<C * H * W>;
};

template <class Net, class Loss, int Index>
using LayerOf = typename LayerAt<Index, Parts<Net, Loss>>::type;

template <int>
struct NoMistake {};
template <class L>
struct TypeBox {
  using type = L;
};

// These functions only name the type with the assertion. The assertion itself must fail outside of constant
// expressions, or clang reports a second error for the expression.
template <class Net, class Input, class Loss>
constexpr auto network_mistake() {
  constexpr Failure f = graph_storage<Net, Input, Loss>.graph.failure;
  if constexpr (f.mistake == nullptr) {
    return TypeBox<NoMistake<0>>{};
  } else {
    using GotShape = Got<typename ShapeType<f.got.c, f.got.h, f.got.w, f.got.flat>::type>;
    using WantsShape = Wants<typename ShapeType<f.wants.c, f.wants.h, f.wants.w, f.wants.flat>::type>;
    return TypeBox<Layer_number<*f.mistake, f.layer, LayerOf<Net, Loss, f.layer>, GotShape, WantsShape>>{};
  }
}

template <class Net, class Input, class Loss, class Backend, class DemandTag, class... More>
constexpr auto plan_mistake() {
  constexpr int missing = plan_of<Net, Input, Loss, Backend, DemandTag>.missing;
  if constexpr (missing < 0 && sizeof...(More) > 0) {
    return plan_mistake<Net, Input, Loss, Backend, More...>();
  } else if constexpr (missing < 0) {
    return TypeBox<NoMistake<1>>{};
  } else {
    constexpr Dims x = graph_of<Net, Input, Loss>.layers[missing].in;
    using Shape = typename ShapeType<x.c, x.h, x.w, x.flat>::type;
    return TypeBox<Layer_number<mistakes::no_kernel, missing, LayerOf<Net, Loss, missing>, Got<Shape>, Wants<Shape>>>{};
  }
}

}  // namespace detail

/// A base class that checks `Net` on samples of shape `Input` and causes at most one error.
template <class Net, class Input, class Loss>
using NetworkCheck = typename decltype(detail::network_mistake<Net, Input, Loss>())::type;

/// A base class that checks that the backend has an op for every layer in each of the plans.
template <class Net, class Input, class Loss, class Backend, class... DemandTag>
using PlanCheck = typename decltype(detail::plan_mistake<Net, Input, Loss, Backend, DemandTag...>())::type;

}  // namespace tinycnn
