// Sequential: applies layers one after the other.
#pragma once

#include <string_view>  // IWYU pragma: keep (a name is one)

namespace tinycnn {

/// torch.nn.Sequential(layers...). As there, nesting adds a level to parameter names ("0.1.weight"). A struct that
/// derives from it and has a `static constexpr std::string_view name` uses that name instead ("cnn.0.weight").
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
