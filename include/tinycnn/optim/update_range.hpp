// The update of a range of parameters: the loop that all optimizers share.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace tinycnn {

namespace detail {

template <class V, class T>
[[gnu::always_inline]] inline V load_at(const T* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class V, class T>
[[gnu::always_inline]] inline void store_at(T* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

/// Updates the elements at index i: one element, or as many as a register V holds. Slot k begins at slots + k * stride.
template <class Optimizer, class V, class T, int... K>
[[gnu::always_inline]] inline void update_at(const typename Optimizer::template Factors<T>& f, T factor, std::int64_t i,
                                             T* __restrict w, const T* __restrict g, T* slots, std::int64_t stride,
                                             std::integer_sequence<int, K...>) {
  V weight = load_at<V>(w + i);
  const V scaled = factor * load_at<V>(g + i);
  [[maybe_unused]] V slot[] = {load_at<V>(slots + K * stride + i)..., V{}};
  Optimizer::update(f, weight, scaled, slot[K]...);
  (store_at(slots + K * stride + i, slot[K]), ...);
  store_at(w + i, weight);
}

template <class V, class T>
[[gnu::always_inline]] inline void accumulate_at(T samples, T all, T* g, T* sum) {
  const V weighted = samples * load_at<V>(g);
  if (samples == all) return store_at(sum, weighted);
  const V total = load_at<V>(sum) + weighted;
  store_at(sum, total);
  store_at(g, V(total / all));
}

/// Whether the `update` of Optimizer takes a parameter, its gradient and every slot as values of type V.
template <class Optimizer, class V, class T, int Slots = Optimizer::slots>
inline constexpr bool updates = []<int... K>(std::integer_sequence<int, K...>) {
  return requires(const typename Optimizer::template Factors<T>& f, V v) {
    Optimizer::update(f, v, v, (void(K), v)...);
  };
}(std::make_integer_sequence<int, (Slots > 0 ? Slots : 0)>{});

}  // namespace detail

/// w[i] and the slots' elements i <- update(w[i], factor * g[i], ...) for i in [first, last), one Register at a time if
/// the optimizer's `update` is a template over the element type. `factor` is the clipping coefficient. Slot k is the
/// array at slots + k * stride. The factors are a copy, so that no store can change them and they stay in registers.
template <class Optimizer, class Register, class T>
void update_range(typename Optimizer::template Factors<T> f, T factor, std::int64_t first, std::int64_t last,
                  T* __restrict w, const T* __restrict g, T* __restrict slots, std::int64_t stride) {
  constexpr std::int64_t width = sizeof(Register) / sizeof(T);
  constexpr std::make_integer_sequence<int, Optimizer::slots> each_slot{};
  std::int64_t i = first;
  if constexpr (width > 1 && detail::updates<Optimizer, Register, T>)
    for (; i + width <= last; i += width)
      detail::update_at<Optimizer, Register>(f, factor, i, w, g, slots, stride, each_slot);
  for (; i < last; ++i) detail::update_at<Optimizer, T>(f, factor, i, w, g, slots, stride, each_slot);
}

/// One more batch of an update: sum[i] += samples g[i]; then g[i] = sum[i] / all, the mean over `all` samples so far.
/// For the first batch (`all` is `samples`) sum[i] = samples g[i], and g stays as it is.
template <class Register, class T>
void accumulate_range(T samples, T all, std::int64_t first, std::int64_t last, T* __restrict g, T* __restrict sum) {
  constexpr std::int64_t width = sizeof(Register) / sizeof(T);
  std::int64_t i = first;
  for (; i + width <= last; i += width) detail::accumulate_at<Register>(samples, all, g + i, sum + i);
  for (; i < last; ++i) detail::accumulate_at<T>(samples, all, g + i, sum + i);
}

}  // namespace tinycnn
