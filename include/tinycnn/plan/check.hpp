// Turns the first failure recorded in a graph into one compile-time sentence that names the layer by index and type.
#pragma once

#include <tinycnn/layers/concat.hpp>
#include <tinycnn/layers/mistake.hpp>
#include <tinycnn/layers/residual.hpp>
#include <tinycnn/layers/sequential.hpp>
#include <tinycnn/plan/plan.hpp>

namespace tinycnn {

/// Stands for the sum or concatenation at the end of a Residual or Concat.
struct Join {};

namespace detail {

template <class... Part>
struct Parts {};

// The parts of a container in the order of its visit. Pointers, so that derived structs are found by their base.
template <class... L>
Parts<L...> parts_of(const Sequential<L...>*);
template <class Main, class Shortcut>
Parts<Main, Shortcut, Join> parts_of(const Residual<Main, Shortcut>*);
template <class First, class... More>
auto parts_of(const Concat<First, More...>*) -> Parts<First, Sequential<More, Join>...>;
Parts<> parts_of(const void*);

template <class L>
constexpr int leaf_count() {
  if constexpr (Container<L>) {
    GraphBuilder builder;
    L::visit(builder, 0);
    return builder.layer_count;
  } else {
    return 1;
  }
}

template <>
constexpr int leaf_count<Join>() { return 1; }

template <int Index, class L>
struct LayerAt {   // a leaf, or what is no layer at all
  using type = L;
};

template <int Index, class List>
struct PartAt;
template <int Index>
struct PartAt<Index, Parts<>> {   // a container of the user's own, whose parts are not known here
  using type = void;
};
template <int Index, class L, class... More>
struct PartAt<Index, Parts<L, More...>> {
  static constexpr int here = leaf_count<L>();
  template <bool Here>
  static auto choose() {
    if constexpr (Here) return LayerAt<Index, L>{};
    else return PartAt<Index - here, Parts<More...>>{};
  }
  using type = typename decltype(choose<(Index < here)>())::type;
};

template <int Index, class L>
  requires Container<L>
struct LayerAt<Index, L> {
  using type = typename PartAt<Index, decltype(parts_of(static_cast<const L*>(nullptr)))>::type;
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
using LayerNumber = Layer_number<M, Index, typename PartAt<Index, Parts<Net, Loss>>::type, GotShape, WantsShape>;

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

template <class Net, class Input, class Loss, class Backend, class Asked>
constexpr auto plan_mistake() {
  constexpr int missing = plan_of<Net, Input, Loss, Backend, Asked>.missing;
  if constexpr (missing < 0) {
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

/// The same for a plan: a layer that no row of the backend computes.
template <class Net, class Input, class Loss, class Backend, class Asked>
using PlanCheck = typename decltype(detail::plan_mistake<Net, Input, Loss, Backend, Asked>())::type;

}  // namespace tinycnn
