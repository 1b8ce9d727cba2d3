// Applies a value's deferred affine for readers that do not accept it: y = f(scale x + shift).
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>

namespace tinycnn::cpu {

/// Inserted by the planner. It has no backward pass: its output and its input share one gradient.
template <class Isa>
struct ApplyDeferred {
  static constexpr std::string_view name = "apply deferred";
  static constexpr const Kind* pattern[] = {nullptr};
  static constexpr bool applies_deferred = true, accepts_deferred = true;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.dims(step.x);
    const auto deferred = run.deferred(step.x);
    const float* x = run.data(step.x);
    float* y = run.data(step.y);
    const PixelBlocks blocks(dims.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      std::int64_t at = (blocks.sample(block) * dims.pixels() + blocks.first(block)) * dims.c;
      if (deferred.scale == nullptr)  // without BatchNorm only activations that run over rows are deferred
        return deferred.activation.loops->apply(*deferred.activation.layer, x + at, y + at,
                                                std::int64_t(blocks.length(block)) * dims.c);
      for (int p = 0; p < blocks.length(block); ++p, at += dims.c) {
        for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
          const V value = fma<Isa>(load<V>(x + at + c), load<V>(deferred.scale + c), load<V>(deferred.shift + c));
          store<V>(y + at + c, deferred.activation.relu ? cpu::relu<Isa>(value) : value);
        });
        if (deferred.activation.in_rows()) deferred.activation.apply(y + at, dims.c);
      }
    });
  }
};

}  // namespace tinycnn::cpu
