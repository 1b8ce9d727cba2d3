// One sweep of an optimizer over a run of parameters: the loop every optimizer shares.
#pragma once

namespace tinycnn {

/// w[i], slots[..][i] <- update(w[i], factor * g[i]) for i in [first, last). `factor` is the clipping
/// coefficient. Trainer refuses an optimizer with more than two slots.
template <class Optimizer, class T>
void sweep(const typename Optimizer::template Factors<T>& f, T factor, long first, long last, T* __restrict w,
           const T* __restrict g, T* __restrict slot0, T* __restrict slot1) {
  for (long i = first; i < last; ++i) {
    if constexpr (Optimizer::slots == 0)
      Optimizer::template update<T>(f, w[i], factor * g[i]);
    else if constexpr (Optimizer::slots == 1)
      Optimizer::template update<T>(f, w[i], factor * g[i], slot0[i]);
    else if constexpr (Optimizer::slots == 2)
      Optimizer::template update<T>(f, w[i], factor * g[i], slot0[i], slot1[i]);
  }
}

}  // namespace tinycnn
