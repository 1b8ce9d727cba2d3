// What a kernel sees while a plan runs: the batch, the memory, the parameters. Pointers only; it owns nothing.
#pragma once

#include <cstdint>

#include <tinycnn/backends/pending_form.hpp>
#include <tinycnn/core/view.hpp>
#include <tinycnn/plan/plan_data.hpp>

namespace tinycnn {

/// One run of a plan over `n` samples on a backend.
template <class Backend>
struct Execution {
  using Scalar = typename Backend::Scalar;
  using T = Scalar;
  static constexpr Order order = Backend::order;

  const Plan* plan = nullptr;
  Backend* backend = nullptr;
  int n = 0;  ///< samples in this batch, up to `capacity`
  long capacity = 0;
  T* values = nullptr;      ///< the arena: value v at values + offset * capacity
  T* once = nullptr;        ///< statistics, prepared weights
  T* workspace = nullptr;   ///< inside one step, shared by the workers
  T* scratch = nullptr;     ///< inside one step, `plan->scratch_room(capacity)` a worker
  T* parameters = nullptr;  ///< trained parameters
  T* buffers = nullptr;
  T* gradients = nullptr;       ///< of the trained parameters, same offsets
  const int* labels = nullptr;  // (N)
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  ///< training steps done; keys dropout

  [[nodiscard]] const Graph& graph() const { return *plan->graph; }
  [[nodiscard]] const Layer& layer(const Step& s, int k) const { return graph().layers[s.layers[k]]; }
  [[nodiscard]] const Dims& dims(int value) const { return plan->values[value].dims; }
  [[nodiscard]] T* data(int value) const {
    return value < 0 ? nullptr : values + plan->values[value].offset * capacity;
  }
  [[nodiscard]] View<T> view(int value) const {
    return value < 0 ? View<T>{} : View<T>{data(value), dims(value), order};
  }
  /// The gradient of an operand. It has the operand's shape, not its own: through a Flatten both share one memory.
  [[nodiscard]] View<T> gradient_view(int gradient, int operand) const {
    return gradient < 0 ? View<T>{} : View<T>{data(gradient), dims(operand), order};
  }
  [[nodiscard]] std::uint8_t* bytes(int value) const { return reinterpret_cast<std::uint8_t*>(data(value)); }
  [[nodiscard]] T* statistics(const Step& s) const { return s.statistics < 0 ? nullptr : once + s.statistics; }
  [[nodiscard]] T* prepared(const Step& s) const { return s.prepared < 0 ? nullptr : once + s.prepared; }
  [[nodiscard]] PendingForm<T> pending(int value) const {
    const Value& v = plan->values[value];
    if (v.pending < 0) return {};
    return {once + v.pending, once + v.pending + v.dims.c, v.pending_relu};
  }

  [[nodiscard]] const Parameter& parameter_facts(const Layer& l, int p) const {
    return graph().parameters[l.first_parameter + p];
  }
  /// Parameter `p` of a layer, counted as `parameters(list)` lists them, buffers included.
  [[nodiscard]] T* parameter(const Layer& l, int p) const {
    const Parameter& q = parameter_facts(l, p);
    return (q.buffer ? buffers : parameters) + q.offset;
  }
  [[nodiscard]] T* gradient(const Layer& l, int p) const { return gradients + parameter_facts(l, p).offset; }
};

}  // namespace tinycnn
