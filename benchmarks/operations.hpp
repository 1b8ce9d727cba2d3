// The floating-point operations of a pass: of the direct algorithm, and those that the Cpu backend executes.
#pragma once

#include <tinycnn/backends/cpu/fused/conv.hpp>
#include <tinycnn/plan/graph.hpp>

namespace bench {

/// In 10^9. `executed` counts the products of a Winograd convolution, but not its transforms.
struct Operations {
  double direct = 0;
  double executed = 0;
};

/// One pass (forward, input gradient or weight gradient) of a convolution over n samples.
template <class Convolution>
Operations convolution_operations(const Convolution& c, int n) {
  using namespace tinycnn::cpu;
  const double channels = 2e-9 * n * c.s.group_inputs() * c.s.y.c;
  const double direct = channels * c.s.taps() * double(c.s.y.pixels());
  if constexpr (requires { c.tile_width(); })
    if (c.winograd()) {
      const int width = c.tile_width();
      return {direct, channels * Winograd::points_of(width) * tile_rows(c.s) * tile_columns(c.s, width)};
    }
  return {direct, direct};
}

/// A forward pass over n samples and, with `training`, a backward pass without the gradient of the input.
template <class Isa>
Operations network_operations(const tinycnn::Graph& graph, int n, bool training) {
  using namespace tinycnn::cpu;
  Operations sum;
  for (int i = 0; i < graph.layer_count; ++i) {
    const tinycnn::Layer& layer = graph.layers[i];
    Operations pass{2e-9 * n * double(layer.macs), 2e-9 * n * double(layer.macs)};
    if (layer.kind == &tinycnn::conv2d) {
      const ConvolutionShape s = DenseConvolution<Isa>::of(layer).s;
      pass = convolution_operations(
          training ? DenseConvolution<Isa>(s) : DenseConvolution<Isa>(s, choose_inference_algorithm<Isa>(s, n)), n);
    }
    const double passes = !training ? 1 : i == 0 ? 2 : 3;
    sum.direct += passes * pass.direct;
    sum.executed += passes * pass.executed;
  }
  return sum;
}

}  // namespace bench
