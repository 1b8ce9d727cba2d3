// The passes of Linear on W (In, Out). Each reads W once and packs a part of it that fits the caches; inference finds W
// packed.
#pragma once

#include <tinycnn/backends/cpu/gemm/micro_kernel.hpp>
#include <tinycnn/backends/cpu/linear/packed_forward.hpp>
#include <tinycnn/backends/cpu/linear/shape.hpp>

#include <cstdint>
#include <cstring>

namespace tinycnn::cpu {

/// y[n,o] = relu(sum over i of x[n,i] W[i,o] + b[o]); relu and b are optional. If `packed` is not null, it holds the
/// weights as linear_pack packs them, and w is not read. A sample's result does not depend on the other samples.
/// equals: torch.nn.functional.linear. Error: rms <= 5e-6 of the rms of the result.
template <class Isa>
void linear_forward(const LinearShape& s, int n, const float* x, const float* w, const float* packed, const float* b,
                    bool relu, float* y, ThreadPool& pool, float* scratch) {
  namespace tiling = linear_tiling;
  if (packed != nullptr && n == 1) return linear_forward_one<Isa>(s, x, packed, b, relu, y, pool);
  const int panels = round_up(s.out, NR<Isa>) / NR<Isa>;
  const int sample_blocks = ceil_div(n, tiling::samples);
  const int target = panels * sample_blocks / (4 * pool.size());
  const int task_panels = target < 1 ? 1 : smaller(target, tiling::panels);
  const int splits = round_up(panels, task_panels) / task_panels;
  const std::int64_t worker_floats = linear_scratch_floats<Isa>(s);
  constexpr int pitch = tiling::depth + tiling::pad;
  pool.run(splits * sample_blocks, [&](int task, int worker) {
    const int first_sample = task / splits * tiling::samples;
    const int samples = smaller(n - first_sample, tiling::samples);
    const int register_tiles = round_up(samples, MR<Isa>) / MR<Isa>;
    const int first = task % splits * task_panels * NR<Isa>;
    const int width = smaller(s.out - first, task_panels * NR<Isa>);
    float* weights = scratch + worker * worker_floats;                                       // (panel,depth,NR)
    float* sums = weights + tiling::panels * NR<Isa> * tiling::depth;                        // (panel,sample,NR)
    float* rows = sums + tiling::panels * NR<Isa> * std::int64_t(register_tiles * MR<Isa>);  // (sample,pitch)
    for (int k = 0; k < s.in; k += tiling::depth) {
      const int steps = smaller(s.in - k, tiling::depth);
      for (int step = 0; step < steps && packed == nullptr; ++step) {
        const float* from = w + std::int64_t(k + step) * s.out + first;
        float* to = weights + step * NR<Isa>;
        for (int o = 0; o < width; o += NR<Isa>, to += tiling::depth * NR<Isa>) {
          __builtin_prefetch(from + o + std::int64_t{16} * s.out);
          __builtin_prefetch(from + o + Isa::width + std::int64_t{16} * s.out);
          if (width - o >= NR<Isa>) {
            store<Isa>(to, load<Isa>(from + o));
            store<Isa>(to + Isa::width, load<Isa>(from + o + Isa::width));
          } else {
            for (int j = 0; j < NR<Isa>; ++j) to[j] = o + j < width ? from[o + j] : 0.0f;
          }
        }
      }
      for (int i = 0; i < samples; ++i)
        std::memcpy(rows + i * pitch, x + std::int64_t(first_sample + i) * s.in + k,
                    sizeof(float) * std::size_t(steps));
      Depth depth;
      depth.add(0, 0, steps);
      for (int panel = 0; panel * NR<Isa> < width; ++panel)
        for (int tile = 0; tile < register_tiles; ++tile) {
          const float* a[MR<Isa>];
          for (int i = 0; i < MR<Isa>; ++i) a[i] = rows + smaller(tile * MR<Isa> + i, samples - 1) * pitch;
          multiply<Isa>(a,
                        packed != nullptr ? packed + (std::int64_t(first / NR<Isa> + panel) * s.in + k) * NR<Isa>
                                          : weights + panel * tiling::depth * NR<Isa>,
                        depth, sums + (panel * register_tiles + tile) * MR<Isa> * NR<Isa>, k > 0);
        }
    }
    for (int i = 0; i < samples; ++i)
      for (int o = 0; o < width; ++o) {
        const float sum = sums[(std::int64_t(o / NR<Isa>) * register_tiles * MR<Isa> + i) * NR<Isa> + o % NR<Isa>];
        const float value = b != nullptr ? sum + b[first + o] : sum;
        y[std::int64_t(first_sample + i) * s.out + first + o] = relu ? cpu::relu<Isa>(value) : value;
      }
  });
}

/// dx[n,i] = sum over o of dy[n,o] W[i,o] (+ add[n,i], unless add is null; it may be dx).
/// Computed as W dy^T, so that W is read in the order of memory. Error: rms <= 5e-6 of the rms of the result.
template <class Isa>
void linear_input_gradient(const LinearShape& s, int n, const float* dy, const float* w, const float* add, float* dx,
                           ThreadPool& pool, float* scratch, float* workspace) {
  namespace tiling = linear_tiling;
  const int panels = round_up(n, NR<Isa>) / NR<Isa>;
  const std::int64_t worker_floats = linear_scratch_floats<Isa>(s);
  constexpr int cache_line = 16;
  pool.run(panels * (round_up(s.out, cache_line) / cache_line), [&](int task, int) {
    const int panel = task % panels;
    const int o = task / panels * cache_line;
    float* to = workspace + (std::int64_t(panel) * s.out + o) * NR<Isa>;  // (panel,Out,NR): dy transposed
    for (int k = 0; k < NR<Isa>; ++k) {
      const int sample = panel * NR<Isa> + k;
      for (int j = 0; j < cache_line && o + j < s.out; ++j)
        to[j * NR<Isa> + k] = sample < n ? dy[std::int64_t(sample) * s.out + o + j] : 0.0f;
    }
  });
  constexpr int out_rows = round_up(tiling::inputs, MR<Isa>);
  pool.run(ceil_div(s.in, tiling::inputs), [&](int task, int worker) {
    const int first = task * tiling::inputs;
    const int inputs = smaller(s.in - first, tiling::inputs);
    const int pitch = smaller(s.out, tiling::gradient_depth) + tiling::pad;
    float* rows = scratch + worker * worker_floats;        // (MR,pitch)
    float* out = rows + (MR<Isa> * pitch + 15) / 16 * 16;  // (panel,inputs,NR)
    for (int i = 0; i < inputs; i += MR<Isa>)
      for (int o = 0; o < s.out; o += tiling::gradient_depth) {
        const int steps = smaller(s.out - o, tiling::gradient_depth);
        const float* a[MR<Isa>];
        for (int m = 0; m < MR<Isa>; ++m) {
          a[m] = rows + smaller(m, inputs - i - 1) * pitch;
          if (i + m < inputs)
            std::memcpy(rows + m * pitch, w + std::int64_t(first + i + m) * s.out + o,
                        sizeof(float) * std::size_t(steps));
        }
        Depth depth;
        depth.add(0, std::int64_t(o) * NR<Isa>, steps);
        for (int panel = 0; panel < panels; ++panel)
          multiply<Isa>(a, workspace + std::int64_t(panel) * s.out * NR<Isa>, depth,
                        out + (std::int64_t(panel) * out_rows + i) * NR<Isa>, o > 0);
      }
    for (int sample = 0; sample < n; ++sample) {
      const float* from = out + std::int64_t(sample / NR<Isa>) * out_rows * NR<Isa> + sample % NR<Isa>;
      const std::int64_t at = std::int64_t(sample) * s.in + first;
      for (int i = 0; i < inputs; ++i)
        dx[at + i] = add != nullptr ? from[i * NR<Isa>] + add[at + i] : from[i * NR<Isa>];
    }
  });
}

/// dW[i,o] = sum over n of x[n,i] dy[n,o]; db[o] = sum over n of dy[n,o], unless db is null. Both are overwritten.
/// Error: rms <= 2e-5 of the rms of the result.
template <class Isa>
void linear_weight_gradient(const LinearShape& s, int n, const float* x, const float* dy, float* dw, float* db,
                            ThreadPool& pool, float* scratch, float* workspace) {
  namespace tiling = linear_tiling;
  const int panels = round_up(s.out, NR<Isa>) / NR<Isa>;
  const std::int64_t worker_floats = linear_scratch_floats<Isa>(s);
  pool.run(panels, [&](int panel, int) {
    const int first = panel * NR<Isa>;
    const int width = smaller(s.out - first, NR<Isa>);
    float* to = workspace + std::int64_t(panel) * n * NR<Isa>;  // (panel,sample,NR)
    float sums[NR<Isa>] = {};
    for (int i = 0; i < n; ++i, to += NR<Isa>)
      for (int j = 0; j < NR<Isa>; ++j) {
        to[j] = j < width ? dy[std::int64_t(i) * s.out + first + j] : 0.0f;
        sums[j] += to[j];
      }
    if (db != nullptr) std::memcpy(db + first, sums, sizeof(float) * std::size_t(width));
  });
  constexpr int pitch = tiling::inputs + tiling::pad;
  pool.run(ceil_div(s.in, tiling::inputs), [&](int task, int worker) {
    const int first = task * tiling::inputs;
    const int inputs = smaller(s.in - first, tiling::inputs);
    float* rows = scratch + worker * worker_floats;  // (sample,pitch)
    for (int i = 0; i < n; ++i)
      std::memcpy(rows + i * pitch, x + std::int64_t(i) * s.in + first, sizeof(float) * std::size_t(inputs));
    Depth depth;
    depth.a_step = pitch;
    depth.add(0, 0, n);
    alignas(64) float tile[MR<Isa> * NR<Isa>];
    for (int i = 0; i < inputs; i += MR<Isa>) {
      const float* a[MR<Isa>];
      for (int m = 0; m < MR<Isa>; ++m) a[m] = rows + smaller(i + m, inputs - 1);
      for (int panel = 0; panel < panels; ++panel) {
        multiply<Isa>(a, workspace + std::int64_t(panel) * n * NR<Isa>, depth, tile, false);
        const int width = smaller(s.out - panel * NR<Isa>, NR<Isa>);
        for (int m = 0; m < MR<Isa> && i + m < inputs; ++m)
          std::memcpy(dw + std::int64_t(first + i + m) * s.out + panel * NR<Isa>, tile + m * NR<Isa>,
                      sizeof(float) * std::size_t(width));
      }
    }
  });
}

}  // namespace tinycnn::cpu
