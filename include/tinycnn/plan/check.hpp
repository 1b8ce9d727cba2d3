// Turns the first failure recorded in a graph into one compile-time sentence that names the layer by index and type.
#pragma once

#include <tinycnn/layers/concat.hpp>
#include <tinycnn/layers/mistake.hpp>
#include <tinycnn/layers/residual.hpp>
#include <tinycnn/layers/sequential.hpp>
#include <tinycnn/plan/plan.hpp>

namespace tinycnn {

namespace detail {

/// Container L itself: where it joins its branches, and for all of it where its parts are not known.
template <class L>
struct Whole {};

template <class... Part>
struct Parts {};

// The parts of container Self in the order of its visit. Pointers, so that derived structs are found by their base.
template <class Self, class... L>
Parts<L...> parts_of(const Sequential<L...>*);
template <class Self, class Main, class Shortcut>
Parts<Main, Shortcut, Whole<Self>> parts_of(const Residual<Main, Shortcut>*);
template <class Self, class First, class... More>
auto parts_of(const Concat<First, More...>*) -> Parts<First, Parts<More, Whole<Self>>...>;
template <class Self>
Whole<Self> parts_of(const void*);  // a container of the user's own

/// Counts every layer and join, and as one what is no layer.
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
  constexpr int join(const Kind&, Mistake, int x, int) {
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

/// The type of layer `Index` of those in L.
template <int Index, class L>
struct LayerAt {  // a leaf, or what is no layer at all
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

template <class Net, class Loss, Mistake M, int Index, class GotShape, class WantsShape>
using LayerNumber = Layer_number<M, Index, typename LayerAt<Index, Parts<Net, Loss>>::type, GotShape, WantsShape>;

template <int>
struct Nothing {};
template <class L>
struct TypeBox {
  using type = L;
};

// Functions that only name the assertion's type: the assertion itself must fire outside of any constant expression, or
// clang reports a second error for that expression.
template <class Net, class Input, class Loss>
constexpr auto network_mistake() {
  constexpr Failure f = graph_storage<Net, Input, Loss>.graph.failure;
  if constexpr (f.mistake == Mistake::none) {
    return TypeBox<Nothing<0>>{};
  } else {
    using GotShape = Got<typename ShapeType<f.got.c, f.got.h, f.got.w, f.got.flat>::type>;
    using WantsShape = Wants<typename ShapeType<f.wants.c, f.wants.h, f.wants.w, f.wants.flat>::type>;
    return TypeBox<LayerNumber<Net, Loss, f.mistake, f.layer, GotShape, WantsShape>>{};
  }
}

template <class Net, class Input, class Loss, class Backend, class Asked, class... More>
constexpr auto plan_mistake() {
  constexpr int missing = plan_of<Net, Input, Loss, Backend, Asked>.missing;
  if constexpr (missing < 0 && sizeof...(More) > 0) {
    return plan_mistake<Net, Input, Loss, Backend, More...>();
  } else if constexpr (missing < 0) {
    return TypeBox<Nothing<1>>{};
  } else {
    constexpr Dims x = graph_of<Net, Input, Loss>.layers[missing].in;
    using Shape = typename ShapeType<x.c, x.h, x.w, x.flat>::type;
    return TypeBox<LayerNumber<Net, Loss, Mistake::no_kernel, missing, Got<Shape>, Wants<Shape>>>{};
  }
}

}  // namespace detail

/// A base class that checks `Net` over `Input`: at most one error, whatever is wrong.
template <class Net, class Input, class Loss>
using NetworkCheck = typename decltype(detail::network_mistake<Net, Input, Loss>())::type;

/// The same for plans: a layer that no op of the backend computes in one of them.
template <class Net, class Input, class Loss, class Backend, class... Asked>
using PlanCheck = typename decltype(detail::plan_mistake<Net, Input, Loss, Backend, Asked...>())::type;

}  // namespace tinycnn
