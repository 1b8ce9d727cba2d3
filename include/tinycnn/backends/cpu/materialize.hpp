// Carries out what a pending value waits for, for the readers that cannot: y = relu(scale x + shift).
#pragma once

#include <tinycnn/backends/cpu/channels.hpp>
#include <tinycnn/backends/execution.hpp>

namespace tinycnn::cpu {

/// Inserted by the planner; its gradient is its input's, handed on as it is.
template <class Isa>
struct Materialize {
  static constexpr std::string_view name = "materialize";
  static constexpr const Kind* pattern[] = {nullptr};
  static constexpr bool materializes = true, absorbs = true;

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.dims(step.x);
    const auto pending = run.pending(step.x);
    const float* x = run.data(step.x);
    float* y = run.data(step.y);
    const PixelBlocks blocks(dims.pixels());
    run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
      long at = (blocks.sample(block) * dims.pixels() + blocks.first(block)) * dims.c;
      for (int p = 0; p < blocks.length(block); ++p, at += dims.c)
        for_channels<Isa>(dims.c, [&]<class V>(V, int c) {
          const V value = fma<Isa>(get<V>(x + at + c), get<V>(pending.scale + c), get<V>(pending.shift + c));
          put<V>(y + at + c, pending.relu ? cpu::relu<Isa>(value) : value);
        });
    });
  }
};

}  // namespace tinycnn::cpu
