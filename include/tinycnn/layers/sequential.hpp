// Sequential: layers one after the other; adds a level to names, as torch.nn.Sequential does.
#pragma once

#include <string_view>  // IWYU pragma: keep (a name is one)

namespace tinycnn {

/// torch.nn.Sequential(layers...). Nested ones add a level ("0.1.weight"); a struct that derives from one and has a
/// `static constexpr std::string_view name` is called by it ("cnn.0.weight").
template <class... Layers>
struct Sequential {
  template <class Builder>
  static constexpr int visit(Builder& builder, int x) {
    int index = 0;
    ((x = builder.template child<Layers>(index++, x)), ...);
    return x;
  }
};

}  // namespace tinycnn
