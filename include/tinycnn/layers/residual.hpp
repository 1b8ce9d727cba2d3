// Residual: y = main(x) + shortcut(x), the block of residual networks (He et al. 2015).
#pragma once

#include <tinycnn/layers/identity.hpp>

namespace tinycnn {

inline constexpr Kind add{"Add"};

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
    return builder.join(add, Mistake::branches_differ, y, r);
  }
};

}  // namespace tinycnn
