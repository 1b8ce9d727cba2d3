// The verbs of a backend: all operations on its memory that the drivers in train/ need. These are for backends that
// compute in the host's memory, Reference and Cpu; a backend with memory of its own has to provide the same functions.
#pragma once

#include <cmath>
#include <cstdint>

#include <tinycnn/backends/bind.hpp>
#include <tinycnn/core/memory.hpp>
#include <tinycnn/optim/parameter_groups.hpp>
#include <tinycnn/optim/update_range.hpp>

namespace tinycnn {

/// Owns memory of a backend, zeroed. `data` is the backend's pointer, which the host must not dereference. Through
/// `host` the host reads and writes the elements, through `read` it reads them: both see what the backend has computed
/// so far, and the backend's next computation sees what the host has written. Here all three are the same pointer.
template <class T>
class HostMemory {
 public:
  template <class Backend>
  HostMemory(Backend&, std::int64_t count) : buffer_(count) {}

  [[nodiscard]] T* data() const { return buffer_.data(); }
  [[nodiscard]] T* host() { return buffer_.data(); }
  [[nodiscard]] const T* read() const { return buffer_.data(); }
  [[nodiscard]] std::int64_t size() const { return buffer_.size(); }

 private:
  Buffer<T> buffer_;
};

/// The base class of backends whose memory is the host's.
class HostVerbs {
 public:
  template <class T>
  using Memory = HostMemory<T>;

  /// Copies a batch into the plan's input: images (N, C, H, W) in PyTorch's order, and labels (N), all 0 if `labels` is
  /// null.
  template <class Backend>
  static void begin(const Execution<Backend>& run, const float* images, const int* labels) {
    const auto x = run.view(run.plan->input);
    const Dims& d = x.dims;
    run.backend->for_blocks(run.n, [&](int n) {
      const float* image = images + n * d.size();  // (C, H, W)
      for (int c = 0; c < d.c; ++c)
        for (std::int64_t p = 0; p < d.pixels(); ++p) {
          const std::int64_t to = run.order == Order::chw ? c * d.pixels() + p : p * d.c + c;
          x.sample(n)[to] = typename Backend::Stored(typename Backend::Compute(image[c * d.pixels() + p]));
        }
    });
    for (int n = 0; n < run.n; ++n) run.labels[n] = labels == nullptr ? 0 : labels[n];
  }

  /// Runs one part of a plan.
  template <class Backend>
  static void execute(const Execution<Backend>& run, const OpKernels<Backend>* kernels, PlanPart part) {
    run_part(run, kernels, part);
  }
  /// Runs a single forward step.
  template <class Backend>
  static void execute_step(const Execution<Backend>& run, const OpKernels<Backend>* kernels, const Step& step) {
    kernels[step.op].forward(run, step);
  }

  /// A view of a value for the host to read, in the backend's order; valid until the next verb.
  template <class Element, class Backend>
  static View<const Element> fetch(const Execution<Backend>& run, int value) {
    return run.template view<Element>(value);
  }

  /// Whether all of `count` elements are finite.
  template <class Backend, class T>
  static bool all_finite(Backend&, const T* elements, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
      if (!std::isfinite(double(elements[i]))) return false;
    return true;
  }

  /// The number of partial sums of `squared_norm`.
  static constexpr int norm_partials(std::int64_t count) { return int((count + block_elements - 1) / block_elements); }

  /// The sum of the squares of `count` gradients, in double: one partial sum per fixed block, added in order.
  template <class Backend, class T>
  static double squared_norm(Backend& backend, const T* gradients, std::int64_t count, double* partials) {
    const int blocks = norm_partials(count);
    backend.for_blocks(blocks, [=](int block) {
      const std::int64_t first = block * block_elements, end = block_end(block, count);
      double lanes[8] = {};
      for (std::int64_t i = first; i < end; i += 8)
        for (int k = 0; k < 8; ++k) lanes[k] += double(gradients[i + k]) * double(gradients[i + k]);
      double sum = 0;
      for (double lane : lanes) sum += lane;
      partials[block] = sum;
    });
    double sum = 0;
    for (int block = 0; block < blocks; ++block) sum += partials[block];
    return sum;
  }

  /// Updates `count` parameters w by their gradients g times `factor`; `slots` holds Optimizer::slots arrays of `count`
  /// elements, one after another. With several groups, `ranges` says which parameters belong to which.
  template <class Optimizer, int Groups, class Backend, class T>
  static void update(Backend& backend, const GroupFactors<Optimizer, T, Groups>& factors, const GroupRange* ranges,
                     T factor, std::int64_t count, T* w, const T* g, T* slots) {
    using Register = typename Backend::Register;
    backend.for_blocks(norm_partials(count), [&](int block) {
      std::int64_t first = block * block_elements;
      const std::int64_t end = block_end(block, count);
      if constexpr (Groups == 1) {
        update_range<Optimizer, Register>(factors.of[0], factor, first, end, w, g, slots, count);
      } else {
        const GroupRange* range = ranges;
        while (range->end <= first) ++range;
        for (; first < end; first = range++->end)
          update_range<Optimizer, Register>(factors.of[range->group], factor, first,
                                            range->end < end ? range->end : end, w, g, slots, count);
      }
    });
  }

  /// Adds the `count` gradients g of a batch to those of the batches before it: see `accumulate_range`.
  template <class Backend, class T>
  static void accumulate(Backend& backend, T samples, T all, std::int64_t count, T* g, T* sum) {
    backend.for_blocks(norm_partials(count), [=](int block) {
      accumulate_range<typename Backend::Register>(samples, all, block * block_elements, block_end(block, count), g,
                                                   sum);
    });
  }

 private:
  // Fixed, so that no result depends on the number of threads.
  static constexpr std::int64_t block_elements = std::int64_t{1} << 15;

  static constexpr std::int64_t block_end(int block, std::int64_t count) {
    const std::int64_t end = (block + 1) * block_elements;
    return end < count ? end : count;
  }
};

}  // namespace tinycnn
