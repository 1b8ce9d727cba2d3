// Direct convolution, forward: y = x * w, passed to an epilogue tile by tile.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>

namespace tinycnn::cpu {

/// Floats of the packed weights.
template <class Isa>
constexpr std::int64_t direct_packed_floats(const ConvolutionShape& s) {
  return packed_floats<Isa>(forward_geometry(s));
}

/// Scratch floats per worker; `row_multiple` is the epilogue's.
template <class Isa>
constexpr std::int64_t direct_scratch_floats(const ConvolutionShape& s, int row_multiple = 1) {
  const ConvolutionGeometry geometry = forward_geometry(without_skipped_pixels(s));
  return ConvolutionTiling::of(geometry, row_multiple).scratch_floats<Isa>(geometry);
}

/// The number of blocks of n samples, non-decreasing in n; an epilogue's partial sums have one row per block.
constexpr int direct_blocks(const ConvolutionShape& s, int n, int row_multiple = 1) {
  return ConvolutionTiling::of(forward_geometry(without_skipped_pixels(s)), row_multiple).blocks(n);
}

/// packed[group][panel][r][s][c][NR] = w (R,S,C/groups,O).
template <class Isa>
void direct_pack_forward(const ConvolutionShape& s, const float* w, float* packed, ThreadPool& pool) {
  const int panels = ceil_div(s.group_outputs(), NR<Isa>);
  const int rows = s.taps() * s.group_inputs();
  pool.run(s.groups * panels, [&](int task, int) {
    const int group = task / panels;
    const int first = task % panels * NR<Isa>;
    const int left = s.group_outputs() - first;
    const int width = left < NR<Isa> ? left : NR<Isa>;
    const float* from = w + group * s.group_outputs() + first;  // (R,S,C/groups,O)
    float* to = packed + std::int64_t(task) * rows * NR<Isa>;
    for (int row = 0; row < rows; ++row, from += s.y.c, to += NR<Isa>) {
      if (width == NR<Isa>) {
        store<Isa>(to, load<Isa>(from));
        store<Isa>(to + Isa::width, load<Isa>(from + Isa::width));
      } else {
        for (int o = 0; o < NR<Isa>; ++o) to[o] = o < width ? from[o] : 0.0f;
      }
    }
  });
}

/// y[n,p,q,o] = sum over r, s, c of value(x)[n, p stride - padding + r dilation, q stride - padding + s dilation, c]
/// w[r,s,c,o], where value(x) applies the deferred affine, a pixel outside the image is 0 and c runs over o's group.
/// equals: torch.nn.functional.conv2d. Error: rms <= 5e-6 of the rms of the result.
template <class Isa, class Source, class Epilogue>
void direct_forward(const ConvolutionShape& s, int n, const Source& x, const float* packed, const Epilogue& epilogue,
                    ThreadPool& pool, float* scratch) {
  const ConvolutionShape dense = without_skipped_pixels(s);
  const ConvolutionGeometry geometry = forward_geometry(dense);
  run_tiled<Isa>(geometry, ConvolutionTiling::of(geometry, epilogue.row_multiple()), n, x.visible(s, dense), packed,
                 epilogue, pool, scratch);
}

}  // namespace tinycnn::cpu
