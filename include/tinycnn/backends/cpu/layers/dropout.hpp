// Dropout: the mask is drawn from (seed, step, layer, element) in forward and drawn again in backward.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/random.hpp>
#include <tinycnn/layers/dropout.hpp>

namespace tinycnn::cpu {

/// y = x / (1 - p) where the element's draw is >= p, else 0. Draws are keyed by the element's index in PyTorch's order.
/// equals: reference::DropoutOp, which drops the same elements.
template <class Isa>
struct Dropout {
  static constexpr std::string_view name = "Dropout";
  static constexpr const Kind* pattern[] = {&dropout};
  static constexpr unsigned modes = in_training;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    for_each_factor(run, step, [x = run.data(step.x), y = run.data(step.y)](std::int64_t at, float factor) {
      y[at] = factor == 0.0f ? 0.0f : x[at] * factor;
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const float *dy = run.data(step.dy), *add = run.data(step.add_dx);
    for_each_factor(run, step, [=, dx = run.data(step.dx)](std::int64_t at, float factor) {
      const float g = factor == 0.0f ? 0.0f : dy[at] * factor;
      dx[at] = add == nullptr ? g : g + add[at];
    });
  }

 private:
  /// Calls f(offset in memory, 0 or 1 / (1 - p)) for every element.
  template <class Backend, class F>
  static void for_each_factor(const Execution<Backend>& run, const Step& step, const F& f) {
    const Layer& l = run.layer(step, 0);
    const std::uint64_t stream = dropout_stream(run.step, run.graph().layer_count, step.layers[0]);
    const PixelBlocks blocks(l.in.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      for_each_factor_of_block(run.seed, stream, options_of<DropoutOptions>(l).probability, l.in, blocks.sample(block),
                               blocks.first(block), blocks.length(block), f);
    });
  }

  /// The same for a block of pixels of sample n. Arguments are passed by value, so that they cannot alias f's stores.
  template <class F>
  static void for_each_factor_of_block(std::uint64_t seed, std::uint64_t stream, double probability, const Dims in,
                                       std::int64_t n, std::int64_t first, int length, const F f) {
    const float scale = float(1 / (1 - probability));
    const std::int64_t pixels = in.pixels();
    std::int64_t at = (n * pixels + first) * in.c;
    for (std::int64_t p = first; p < first + length; ++p, at += in.c)
      for (int c = 0; c < in.c; ++c) {
        const std::uint64_t element = std::uint64_t((n * in.c + c) * pixels + p);  // (N,C,H W)
        f(at + c, double(uniform(seed, stream, element)) < probability ? 0.0f : scale);
      }
  }
};

}  // namespace tinycnn::cpu
