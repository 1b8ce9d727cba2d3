// Concat: the branches' channels (or features) one after the other, the join of Inception and DenseNet.
#pragma once

#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

inline constexpr Kind concat{"Concat"};

/// y = torch.cat([branch(x) for branch in Branches], dim=1). Images must agree in height and width. Branches are named
/// by their position ("0.weight") or their own name; Identity as a branch passes x itself on.
template <class... Branches>
struct Concat {
  template <class Builder>
  static constexpr int visit(Builder& builder, int x) {
    int index = 0;
    int y = -1;
    auto next = [&](int branch) { y = y < 0 ? branch : builder.join(concat, Mistake::concat_sizes_differ, y, branch); };
    (next(builder.template child<Branches>(index++, x)), ...);
    return y < 0 ? x : y;
  }
};

}  // namespace tinycnn
