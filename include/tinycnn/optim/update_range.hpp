// One update of a range of parameters: the loop every optimizer shares.
#pragma once

#include <cstring>

namespace tinycnn {

namespace detail {

/// One update of the elements at i: V is one of them or a register of them.
template <class Optimizer, class V, class T>
[[gnu::always_inline]] inline void update_at(const typename Optimizer::template Factors<T>& f, T factor, long i, T* w,
                                             const T* g, T* slot0, T* slot1) {
  const auto load = [i](const T* from) {
    V v;
    std::memcpy(&v, from + i, sizeof v);
    return v;
  };
  const auto store = [i](T* to, V v) { std::memcpy(to + i, &v, sizeof v); };
  V here = load(w);
  const V scaled = factor * load(g);
  if constexpr (Optimizer::slots == 0) {
    Optimizer::update(f, here, scaled);
  } else if constexpr (Optimizer::slots == 1) {
    V first = load(slot0);
    Optimizer::update(f, here, scaled, first);
    store(slot0, first);
  } else {
    V first = load(slot0), second = load(slot1);
    Optimizer::update(f, here, scaled, first, second);
    store(slot0, first), store(slot1, second);
  }
  store(w, here);
}

/// An optimizer whose `update` is a template over the type of its elements runs on registers; one that names T does
/// not.
template <class Optimizer, class V, class T>
concept UpdatesRegisters = requires(const typename Optimizer::template Factors<T>& f, V v) {
  requires sizeof(V) > sizeof(T);
  requires(Optimizer::slots == 0 && requires { Optimizer::update(f, v, v); }) ||
              (Optimizer::slots == 1 && requires { Optimizer::update(f, v, v, v); }) ||
              (Optimizer::slots == 2 && requires { Optimizer::update(f, v, v, v, v); });
};

}  // namespace detail

/// w[i], slots[..][i] <- update(w[i], factor * g[i]) for i in [first, last), a Register of them at a time where both
/// can. `factor` is the clipping coefficient. Trainer refuses an optimizer with more than two slots.
template <class Optimizer, class Register, class T>
void update_range(const typename Optimizer::template Factors<T>& f, T factor, long first, long last, T* __restrict w,
                  const T* __restrict g, T* __restrict slot0, T* __restrict slot1) {
  constexpr long width = sizeof(Register) / sizeof(T);
  long i = first;
  if constexpr (detail::UpdatesRegisters<Optimizer, Register, T>)
    for (; i + width <= last; i += width) detail::update_at<Optimizer, Register>(f, factor, i, w, g, slot0, slot1);
  for (; i < last; ++i) detail::update_at<Optimizer, T>(f, factor, i, w, g, slot0, slot1);
}

}  // namespace tinycnn
