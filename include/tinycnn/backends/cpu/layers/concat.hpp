// Concat: concatenates the channels of two values.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/concat.hpp>

namespace tinycnn::cpu {

/// y = the channels (features) of x, then those of r; the gradient of each is its channels of dy. Does not fit
/// flattened images, whose order in memory is not that of their features. equals: reference::ConcatOp.
template <class Isa>
struct Concat {
  static constexpr std::string_view name = "Concat";
  static constexpr const Kind* pattern[] = {&concat};
  static constexpr bool fits(const Match& m) {
    const Node& node = m.graph->nodes[m.layers[0] - m.graph->layers];
    const Dims x = m.graph->dims(node.x), r = m.graph->dims(node.r);
    return !x.flat || (x.pixels() == 1 && r.pixels() == 1);
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Dims out = run.dims(step.y);
    const float *x = run.data(step.x), *r = run.data(step.r);
    const int left = run.dims(step.x).c, right = run.dims(step.r).c;
    for_pixels(run, out, [=, y = run.data(step.y)](std::int64_t pixel) {
      std::memcpy(y + pixel * out.c, x + pixel * left, sizeof(float) * std::size_t(left));
      std::memcpy(y + pixel * out.c + left, r + pixel * right, sizeof(float) * std::size_t(right));
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const int left = run.dims(step.x).c, right = run.dims(step.r).c;
    if (step.dr >= 0) write_gradient(run, step, left, right, run.data(step.dr), run.data(step.add_dr));
    if (step.dx >= 0) write_gradient(run, step, 0, left, run.data(step.dx), run.data(step.add_dx));
  }

 private:
  /// Calls f(pixel) for every pixel of the batch.
  template <class Backend, class F>
  static void for_pixels(const Execution<Backend>& run, const Dims& dims, const F& f) {
    const PixelBlocks blocks(dims.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      const std::int64_t first = blocks.sample(block) * dims.pixels() + blocks.first(block);
      for (int p = 0; p < blocks.length(block); ++p) f(first + p);
    });
  }

  /// to = channels [first, first + count) of dy (+ add, unless null).
  template <class Backend>
  static void write_gradient(const Execution<Backend>& run, const Step& step, int first, int count, float* to,
                             const float* add) {
    const Dims out = run.dims(step.y);
    const float* dy = run.data(step.dy) + first;
    for_pixels(run, out, [=](std::int64_t pixel) {
      const float* from = dy + pixel * out.c;
      const std::int64_t at = pixel * count;
      for_channels<Isa>(count, [&]<class V>(V, int c) {
        store<V>(to + at + c, add == nullptr ? load<V>(from + c) : load<V>(from + c) + load<V>(add + at + c));
      });
    });
  }
};

}  // namespace tinycnn::cpu
