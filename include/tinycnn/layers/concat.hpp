// Concat: concatenates the channels (or features) of its branches, as in Inception and DenseNet.
#pragma once

#include <tinycnn/layers/layer.hpp>

namespace tinycnn {

inline constexpr Kind concat{"Concat"};

/// y = torch.cat([branch(x) for branch in Branches], dim=1). The outputs of all branches must have the same height and
/// width, or all be flat. A branch is named by its index ("0.weight") or by its own name; the branch Identity is x.
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
