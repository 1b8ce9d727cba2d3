// The update of a range of parameters: the loop that all optimizers share.
#pragma once

#include <cstdint>
#include <cstring>

namespace tinycnn {

namespace detail {

/// Updates the elements at index i: one element, or as many as a register V holds.
template <class Optimizer, class V, class T>
[[gnu::always_inline]] inline void update_at(const typename Optimizer::template Factors<T>& f, T factor, std::int64_t i,
                                             T* w, const T* g, T* slot0, T* slot1) {
  const auto load = [i](const T* from) {
    V v;
    std::memcpy(&v, from + i, sizeof v);
    return v;
  };
  const auto store = [i](T* to, V v) { std::memcpy(to + i, &v, sizeof v); };
  V weight = load(w);
  const V scaled = factor * load(g);
  if constexpr (Optimizer::slots == 0) {
    Optimizer::update(f, weight, scaled);
  } else if constexpr (Optimizer::slots == 1) {
    V first = load(slot0);
    Optimizer::update(f, weight, scaled, first);
    store(slot0, first);
  } else {
    V first = load(slot0), second = load(slot1);
    Optimizer::update(f, weight, scaled, first, second);
    store(slot0, first), store(slot1, second);
  }
  store(w, weight);
}

/// Whether the `update` of Optimizer accepts vector registers V: it does if it is a template over the element type.
template <class Optimizer, class V, class T>
concept UpdatesRegisters = requires(const typename Optimizer::template Factors<T>& f, V v) {
  requires sizeof(V) > sizeof(T);
  requires(Optimizer::slots == 0 && requires { Optimizer::update(f, v, v); }) ||
              (Optimizer::slots == 1 && requires { Optimizer::update(f, v, v, v); }) ||
              (Optimizer::slots == 2 && requires { Optimizer::update(f, v, v, v, v); });
};

}  // namespace detail

/// w[i], slot0[i], slot1[i] <- update(w[i], factor * g[i], ...) for i in [first, last), one Register at a time if the
/// optimizer supports it. `factor` is the clipping coefficient.
template <class Optimizer, class Register, class T>
void update_range(const typename Optimizer::template Factors<T>& f, T factor, std::int64_t first, std::int64_t last,
                  T* __restrict w, const T* __restrict g, T* __restrict slot0, T* __restrict slot1) {
  constexpr std::int64_t width = sizeof(Register) / sizeof(T);
  std::int64_t i = first;
  if constexpr (detail::UpdatesRegisters<Optimizer, Register, T>)
    for (; i + width <= last; i += width) detail::update_at<Optimizer, Register>(f, factor, i, w, g, slot0, slot1);
  for (; i < last; ++i) detail::update_at<Optimizer, T>(f, factor, i, w, g, slot0, slot1);
}

}  // namespace tinycnn
