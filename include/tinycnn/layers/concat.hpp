// Concat: concatenates the channels (or features) of its branches, as in Inception and DenseNet.
#pragma once

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

inline constexpr Kind concat{.name = "Concat"};

namespace mistakes {
inline constexpr Mistake concat_sizes_differ{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::concat_sizes_differ, Index, Where...> {
  static_assert(Index < 0,
                "the branches of this Concat differ in height or width, or one is flat and the other not: "
                "Got is the shape of the next branch, Wants that of the branches before it");
};

/// The join of two values: the channels (features) of x, then those of r.
struct ConcatTwo {
  static constexpr const Kind& kind = concat;
  static constexpr const Mistake* accepts(Dims x, Dims r) {
    return x.flat == r.flat && (x.flat || (x.h == r.h && x.w == r.w)) ? nullptr : &mistakes::concat_sizes_differ;
  }
  static constexpr Dims input(Dims x, Dims) { return x; }
  static constexpr Dims output(Dims x, Dims r) {
    return x.flat ? Dims{int(x.size() + r.size()), 1, 1, true} : Dims{x.c + r.c, x.h, x.w, false};
  }
};

/// y = torch.cat([branch(x) for branch in Branches], dim=1). The outputs of all branches must have the same height and
/// width, or all be flat. A branch is named by its index ("0.weight") or by its own name; the branch Identity is x.
template <class... Branches>
struct Concat {
  template <class Builder>
  static constexpr int visit(Builder& builder, int x) {
    int index = 0;
    int y = -1;
    auto next = [&](int branch) { y = y < 0 ? branch : builder.template join<ConcatTwo>(y, branch); };
    (next(builder.template child<Branches>(index++, x)), ...);
    return y < 0 ? x : y;
  }
};

}  // namespace tinycnn
