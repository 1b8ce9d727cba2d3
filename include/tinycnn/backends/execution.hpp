// What a kernel sees while a plan runs: the batch, the memory, the parameters. Pointers only; it owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tinycnn/backends/deferred_affine.hpp>
#include <tinycnn/core/view.hpp>
#include <tinycnn/plan/plan_data.hpp>

namespace tinycnn {

/// One run of a plan over `n` samples on a backend. Its pointers are the backend's: only the backend's kernels and
/// verbs (backends/host.hpp) dereference them.
template <class Backend>
struct Execution {
  using T = typename Backend::Compute;
  using Stored = typename Backend::Stored;
  static constexpr Order order = Backend::order;

  const Plan* plan = nullptr;
  Backend* backend = nullptr;
  int n = 0;  ///< samples in this batch, at most `capacity`
  std::int64_t capacity = 0;
  std::byte* values = nullptr;      ///< the arena: value v is at values + offset * capacity
  std::byte* persistent = nullptr;  ///< statistics, prepared weights
  T* workspace = nullptr;           ///< used within one step, shared by the workers
  T* scratch = nullptr;             ///< used within one step, `plan->scratch_room(capacity)` bytes per worker
  T* parameters = nullptr;          ///< trained parameters
  T* buffers = nullptr;
  T* gradients = nullptr;  ///< of the trained parameters, at the same offsets
  int* labels = nullptr;   // (N)
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  ///< training steps done; part of the key of dropout's draws

  [[nodiscard]] const Graph& graph() const { return *plan->graph; }
  [[nodiscard]] const Layer& layer(const Step& s, int k) const { return graph().layers[s.layers[k]]; }
  [[nodiscard]] const Dims& dims(int value) const { return plan->values[value].dims; }
  /// The elements of a value; null for value -1. `Element` is Stored, except for losses (T) and indices.
  template <class Element = Stored>
  [[nodiscard]] Element* data(int value) const {
    return value < 0 ? nullptr : reinterpret_cast<Element*>(values + plan->values[value].offset * capacity);
  }
  template <class Element = Stored>
  [[nodiscard]] View<Element> view(int value) const {
    return value < 0 ? View<Element>{} : View<Element>{data<Element>(value), dims(value), order};
  }
  /// The gradient of an operand, viewed in the operand's shape: a Flatten's input and output share one gradient.
  [[nodiscard]] View<Stored> gradient_view(int gradient, int operand) const {
    return gradient < 0 ? View<Stored>{} : View<Stored>{data(gradient), dims(operand), order};
  }
  [[nodiscard]] std::uint8_t* bytes(int value) const { return data<std::uint8_t>(value); }
  [[nodiscard]] T* statistics(const Step& s) const { return persistent_at(s.statistics); }
  [[nodiscard]] T* prepared(const Step& s) const { return persistent_at(s.prepared); }
  [[nodiscard, gnu::noinline]] DeferredAffine<T> deferred(int value) const {
    const Value& v = plan->values[value];
    if (v.deferred < 0) return {nullptr, nullptr, activation(v.deferred_activation)};
    T* scale = persistent_at(v.deferred);
    return {scale, scale + v.dims.c, activation(v.deferred_activation)};
  }
  /// The activation among a step's layers; none if no layer is one.
  [[nodiscard, gnu::noinline]] AppliedActivation<T> activation_of(const Step& s) const {
    for (int k = 0; k < s.layer_count; ++k)
      if (layer(s, k).activation != nullptr) return activation(s.layers[k]);
    return {};
  }
  /// The activation that a layer is; none for layer -1.
  [[nodiscard]] AppliedActivation<T> activation(int layer) const {
    if (layer < 0) return {};
    const Layer& l = graph().layers[layer];
    if (l.activation->inlined) return {true, nullptr, &l};
    if constexpr (std::is_same_v<T, float>)
      if (plan->activations != nullptr) return {false, &plan->activations[layer], &l, plan->row_passes};
    return {false, &l.activation->template loops<T>(), &l};
  }
  /// The scratch memory of one worker.
  [[nodiscard]] T* scratch_of(int worker) const {
    return scratch + worker * (plan->scratch_room(capacity) / std::int64_t(sizeof(T)));
  }

  [[nodiscard]] const Parameter& parameter_facts(const Layer& l, int p) const {
    return graph().parameters[l.first_parameter + p];
  }
  /// Parameter `p` of a layer, in the order of the layer's `parameters(list)`, buffers included.
  [[nodiscard]] T* parameter(const Layer& l, int p) const {
    const Parameter& q = parameter_facts(l, p);
    return (q.buffer ? buffers : parameters) + q.offset;
  }
  [[nodiscard]] T* gradient(const Layer& l, int p) const { return gradients + parameter_facts(l, p).offset; }

 private:
  [[nodiscard]] T* persistent_at(std::int64_t byte) const {
    return byte < 0 ? nullptr : reinterpret_cast<T*>(persistent + byte);
  }
};

}  // namespace tinycnn
