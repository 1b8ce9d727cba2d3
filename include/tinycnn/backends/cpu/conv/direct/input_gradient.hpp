// Direct convolution, input gradient: dx = dy * transposed w, one phase of pixels per residue modulo the stride.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>

namespace tinycnn::cpu {

/// Floats of the packed weights.
template <class Isa>
constexpr std::int64_t direct_packed_input_gradient_floats(const ConvolutionShape& s) {
  return packed_floats<Isa>(input_gradient_geometry(s));
}

/// Scratch floats per worker.
template <class Isa>
constexpr std::int64_t direct_input_gradient_scratch_floats(const ConvolutionShape& s) {
  return ConvolutionTiling::of(input_gradient_geometry(s)).scratch_floats<Isa>(input_gradient_geometry(s));
}

/// The number of blocks of n samples; an epilogue's partial sums have one row per block, summed over its phases.
constexpr int direct_input_gradient_blocks(const ConvolutionShape& s, int n) {
  return ConvolutionTiling::of(input_gradient_geometry(s)).blocks(n);
}

/// packed[group][panel][tap][o][NR] = w (R,S,C/groups,O) with input and output channels transposed and taps in reverse
/// order, as input_gradient_geometry numbers them.
template <class Isa>
void direct_pack_input_gradient(const ConvolutionShape& s, const float* w, float* packed, ThreadPool& pool) {
  const int inputs = s.group_inputs();
  const int outputs = s.group_outputs();
  const int panels = ceil_div(inputs, NR<Isa>);
  const int taps = s.taps();
  pool.run(s.groups * panels * taps, [&](int task, int) {
    const int tap = task % taps;
    const int panel = task / taps % panels;
    const int group = task / taps / panels;
    const int left = inputs - panel * NR<Isa>;
    const int width = left < NR<Isa> ? left : NR<Isa>;
    const float* from = w + (std::int64_t(taps - 1 - tap) * inputs + panel * NR<Isa>)*s.y.c + group * outputs;  // (C,O)
    float* to = packed + ((std::int64_t(group) * panels + panel) * taps + tap) * outputs * NR<Isa>;  // (O,NR)
    constexpr int cache_line = 16;  // floats: rows of w are read one cache line at a time
    for (int o = 0; o < outputs; o += cache_line) {
      const int end = o + cache_line < outputs ? o + cache_line : outputs;
      for (int c = 0; c < NR<Isa>; ++c)
        for (int k = o; k < end; ++k)
          to[std::int64_t(k) * NR<Isa> + c] = c < width ? from[std::int64_t(c) * s.y.c + k] : 0.0f;
    }
  });
}

/// dx[n,h,w,c] = sum of dy[n,p,q,o] w[r,s,c,o] over all p, q, r, s, o with p stride - padding + r dilation = h and
/// q stride - padding + s dilation = w; 0 for a pixel that no window covers. The epilogue stores it.
/// equals: torch.nn.grad.conv2d_input. Error: rms <= 5e-6 of the rms of the result.
template <class Isa, class Source, class Epilogue>
void direct_input_gradient(const ConvolutionShape& s, int n, const Source& dy, const float* packed,
                           const Epilogue& epilogue, ThreadPool& pool, float* scratch) {
  const ConvolutionGeometry geometry = input_gradient_geometry(s);
  run_tiled<Isa>(geometry, ConvolutionTiling::of(geometry), n, dy, packed, epilogue, pool, scratch);
}

}  // namespace tinycnn::cpu
