// Residual: y = main(x) + shortcut(x), the block of residual networks (He et al. 2015).
#pragma once

#include <tinycnn/layers/identity.hpp>

namespace tinycnn {

inline constexpr Kind add{.name = "Add"};

namespace mistakes {
inline constexpr Mistake branches_differ{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::branches_differ, Index, Where...> {
  static_assert(
      Index < 0,
      "the branches of this Residual end in different shapes: Got is the shortcut's, Wants is the main branch's");
};

/// The join y = x + r of two values of the same shape.
struct AddTwo {
  static constexpr const Kind& kind = add;
  static constexpr const Mistake* accepts(Dims x, Dims r) { return x == r ? nullptr : &mistakes::branches_differ; }
  /// Of two flat samples one may be a flattened image: `in` is its shape, `out` has no pixels.
  static constexpr Dims input(Dims x, Dims r) { return !same_memory(x, r) && x.pixels() == 1 ? r : x; }
  static constexpr Dims output(Dims x, Dims r) { return same_memory(x, r) ? x : Dims{int(x.size()), 1, 1, true}; }
};

/// y = Main(x) + Shortcut(x); both branches must end in the same shape. An unnamed Main adds no level to parameter
/// names: "3.0.weight" belongs to its first layer if the Residual is at index 3. An unnamed Shortcut is called
/// "shortcut". A struct that derives from Residual and has the name "" adds no level either, so that names can match
/// torchvision's ("layer1.0.conv1").
template <class Main, class Shortcut = Identity>
struct Residual {
  template <class Builder>
  static constexpr int visit(Builder& builder, int x) {
    const int y = builder.template inlined<Main>(x);
    const int r = builder.template named_child<Shortcut>("shortcut", x);
    return builder.template join<AddTwo>(y, r);
  }
};

}  // namespace tinycnn
