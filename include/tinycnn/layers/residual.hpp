// Residual: y = main(x) + shortcut(x), the join of residual networks (He et al. 2015).
#pragma once

#include <tinycnn/layers/identity.hpp>

namespace tinycnn {

inline constexpr Kind add{"Add"};

/// y = Main(x) + Shortcut(x); both branches must end in one shape. An unnamed Main adds no level to names ("3.0.weight"
/// is its first layer in a Residual at position 3); a Shortcut without a name is called "shortcut". A struct that
/// derives from it and is called "" adds no level either, so that a block reads like torchvision's ("layer1.0.conv1").
template <class Main, class Shortcut = Identity>
struct Residual {
  template <class Builder>
  static constexpr int visit(Builder& builder, int x) {
    const int y = builder.template inlined<Main>(x);
    const int r = builder.template named_child<Shortcut>("shortcut", x);
    return builder.join(add, Mistake::branches_differ, y, r);
  }
};

}  // namespace tinycnn
