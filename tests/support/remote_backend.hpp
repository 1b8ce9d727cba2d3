// A backend for tests whose memory the host cannot dereference, as if it were a device. Its pointers are invalid
// addresses; only its verbs, which translate them, can access the elements.
#pragma once

#include <vector>

#include <tinycnn/tinycnn.hpp>

namespace remote {

/// The offset that turns an address into a device pointer: the sum is a non-canonical address, which faults on every
/// x86-64 processor.
inline constexpr std::uintptr_t far_away = std::uintptr_t(1) << 62;

template <class T>
T* hidden(T* p) {
  return p == nullptr ? nullptr : reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(p) + far_away);
}
template <class T>
T* found(T* p) {
  return p == nullptr ? nullptr : reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(p) - far_away);
}

/// Elements on the device and a copy of them on the host, which is updated on access.
template <class T>
class Memory {
 public:
  template <class Backend>
  Memory(Backend&, long count) : device_(count), host_(count) {}

  [[nodiscard]] T* data() {
    if (written_) copy(host_, device_);
    written_ = false;
    return hidden(device_.data());
  }
  [[nodiscard]] T* host() {
    if (!written_) copy(device_, host_);
    written_ = true;
    return host_.data();
  }
  [[nodiscard]] const T* read() const {
    if (!written_) copy(device_, host_);
    return host_.data();
  }
  [[nodiscard]] long size() const { return device_.size(); }

 private:
  static void copy(const tinycnn::Buffer<T>& from, const tinycnn::Buffer<T>& to) {
    for (long i = 0; i < from.size(); ++i) to[i] = from[i];
  }

  tinycnn::Buffer<T> device_, host_;
  bool written_ = false;  // the host's copy is newer
};

/// The verbs: those for host memory, applied to translated pointers. `fetch` returns a copy.
class Verbs {
  using Host = tinycnn::HostVerbs;

 public:
  template <class T>
  using Memory = remote::Memory<T>;

  template <class Backend>
  static void begin(const tinycnn::Execution<Backend>& run, const float* images, const int* labels) {
    Host::begin(translated(run), images, labels);
  }
  template <class Backend>
  static void execute(const tinycnn::Execution<Backend>& run, const tinycnn::OpKernels<Backend>* kernels,
                      tinycnn::PlanPart part) {
    Host::execute(translated(run), kernels, part);
  }
  template <class Backend>
  static void execute_step(const tinycnn::Execution<Backend>& run, const tinycnn::OpKernels<Backend>* kernels,
                           const tinycnn::Step& step) {
    Host::execute_step(translated(run), kernels, step);
  }
  template <class Element, class Backend>
  static tinycnn::View<const Element> fetch(const tinycnn::Execution<Backend>& run, int value) {
    const auto view = Host::fetch<Element>(translated(run), value);
    const auto* bytes = reinterpret_cast<const std::byte*>(view.data);
    std::vector<std::byte>& copy = run.backend->fetched[std::size_t(value)];
    copy.assign(bytes, bytes + std::size_t(run.n * view.dims.size()) * sizeof(Element));
    return {reinterpret_cast<const Element*>(copy.data()), view.dims, view.order};
  }
  template <class Backend, class T>
  static bool all_finite(Backend& backend, const T* elements, long count) {
    return Host::all_finite(backend, found(elements), count);
  }
  static constexpr int norm_partials(long count) { return Host::norm_partials(count); }
  template <class Backend, class T>
  static double squared_norm(Backend& backend, const T* gradients, long count, double* partials) {
    return Host::squared_norm(backend, found(gradients), count, found(partials));
  }
  template <class Optimizer, int Groups, class Backend, class T>
  static void update(Backend& backend, const tinycnn::GroupFactors<Optimizer, T, Groups>& factors,
                     const tinycnn::GroupRange* ranges, T factor, long count, T* w, const T* g, T* slots) {
    Host::update(backend, factors, found(ranges), factor, count, found(w), found(g), found(slots));
  }
  template <class Backend, class T>
  static void accumulate(Backend& backend, T samples, T all, long count, T* g, T* sum) {
    Host::accumulate(backend, samples, all, count, found(g), found(sum));
  }

 private:
  template <class Backend>
  static tinycnn::Execution<Backend> translated(tinycnn::Execution<Backend> run) {
    run.values = found(run.values);
    run.persistent = found(run.persistent);
    run.workspace = found(run.workspace);
    run.scratch = found(run.scratch);
    run.parameters = found(run.parameters);
    run.buffers = found(run.buffers);
    run.gradients = found(run.gradients);
    run.labels = found(run.labels);
    return run;
  }
};

}  // namespace remote

/// A backend with the kernels of `Local`, a backend in host memory, but with memory that the host cannot access.
template <class Local>
struct Remote : Local, remote::Verbs {
  using remote::Verbs::accumulate;
  using remote::Verbs::all_finite;
  using remote::Verbs::begin;
  using remote::Verbs::execute;
  using remote::Verbs::execute_step;
  using remote::Verbs::fetch;
  using remote::Verbs::norm_partials;
  using remote::Verbs::squared_norm;
  using remote::Verbs::update;
  template <class T>
  using Memory = remote::Memory<T>;

  explicit Remote(int threads = 1) : Local(threads) {}

  std::vector<std::byte> fetched[64];  // by value
};
