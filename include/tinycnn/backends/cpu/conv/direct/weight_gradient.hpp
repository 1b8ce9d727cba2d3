// Direct convolution, gradients of the weights and the bias: sums of products over all pixels, in fixed blocks of
// weights.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/direct/weight_gradient_tiling.hpp>
#include <tinycnn/backends/cpu/conv/input_tile.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// tile[i][j] (+)= sum over pixels k of a[i][offsets[k]] * b[k NR + j], i < MR, j < NR; with Half, for j < NR / 2 only.
/// Each call sums from zero and adds to the tile at the end, as in the micro-kernel. Both prefetchers take one step per
/// steps_per_prefetch pixels.
template <class Isa, bool Half>
[[gnu::noinline]] void multiply_pixels(const float* const (&a)[MR<Isa>], const int* offsets, const float* b, int pixels,
                                       float* __restrict tile, bool accumulate, Prefetcher (&prefetcher)[2]) {
  const float* row[MR<Isa>];
#pragma GCC unroll 8
  for (int i = 0; i < MR<Isa>; ++i) row[i] = a[i];
  Accumulators<Isa, Half> sums;
  sums.clear();
  const float* const whole = b + std::int64_t(pixels / steps_per_prefetch * steps_per_prefetch) * NR<Isa>;
  const float* const end = b + std::int64_t(pixels) * NR<Isa>;
  for (; b != whole; b += steps_per_prefetch * NR<Isa>, offsets += steps_per_prefetch) {
    prefetcher[0].step();
    prefetcher[1].step();
#pragma GCC unroll 4
    for (int k = 0; k < steps_per_prefetch; ++k) sums.add(row, offsets[k], b + k * NR<Isa>);
  }
  for (; b != end; b += NR<Isa>) sums.add(row, *offsets++, b);
  if (accumulate) sums.add(tile);
  sums.write(tile);
}

/// sums (NR) (+)= the sum over the pixels of a panel (pixels, NR).
template <class Isa>
[[gnu::noinline]] void add_pixels(const float* panel, int pixels, float* sums, bool accumulate) {
  Vector<Isa> a{}, b{};
  for (int i = 0; i < pixels; ++i, panel += NR<Isa>) {
    a += load<Isa>(panel);
    b += load<Isa>(panel + Isa::width);
  }
  store<Isa>(sums, accumulate ? a + load<Isa>(sums) : a);
  store<Isa>(sums + Isa::width, accumulate ? b + load<Isa>(sums + Isa::width) : b);
}

/// Computes one block of weights (see DirectWeightGradientTiling): loads a chunk of x and dy, then multiplies them
/// while prefetching the next chunk.
template <class Isa>
class DirectWeightGradientBlock {
 public:
  DirectWeightGradientBlock(const ConvolutionShape& s, const DirectWeightGradientTiling<Isa>& t,
                            const TensorSource<Isa>& x, const TensorSource<Isa>& dy, int n, int block, float* scratch)
      : s_(s), tiling_(t), x_(x), dy_(dy), n_(n) {
    const int group = block / t.output_blocks / t.input_blocks;
    const int first_output = block % t.output_blocks * t.outputs;
    first_input_ = block / t.output_blocks % t.input_blocks * t.inputs;
    inputs_ = smaller(s.group_inputs() - first_input_, t.inputs);
    outputs_ = smaller(s.group_outputs() - first_output, t.outputs);
    first_x_channel_ = group * s.group_inputs() + first_input_;
    first_y_channel_ = group * s.group_outputs() + first_output;
    x_tile_ = scratch;
    dy_panels_ = x_tile_ + t.strips() * t.strip_floats();
    sums_ = dy_panels_ + t.panels() * t.panel_floats(s);
    bias_sums_ = sums_ + t.sums_floats(s);
    offsets_ = reinterpret_cast<int*>(bias_sums_ + t.outputs);
    int* at = offsets_;
    for (int i = 0; i < t.chunk.samples; ++i)
      for (int p = 0; p < t.chunk.rows; ++p)
        for (int q = 0; q < s.y.w; ++q)
          *at++ = static_cast<int>(i * t.chunk.tile()) +
                  (p * s.window.rows.stride * t.chunk.tile_columns + q * s.window.columns.stride) * t.chunk.pitch;
  }

  /// Sums over chunks [begin, end).
  void sum(int begin, int end, bool with_bias) {
    if (begin == end) std::memset(sums_, 0, sizeof(float) * std::size_t(tiling_.sums_floats(s_) + tiling_.outputs));
    for (int i = begin; i < end; ++i) {
      const Chunk now = chunk(i);
      load(now);
      multiply(now, i + 1 < end ? chunk(i + 1) : Chunk{}, i > begin);
      if (!with_bias) continue;
      for (int panel = 0; panel < panels(); ++panel)
        add_pixels<Isa>(dy_panels_ + panel * tiling_.panel_floats(s_), pixels(now), bias_sums_ + panel * NR<Isa>,
                        i > begin);
    }
  }

  /// Writes the block's elements of dw (R,S,C/groups,O) and, unless null, of db (O).
  void write(float* weights, float* bias) const {
    for (int panel = 0; panel < panels(); ++panel) {
      const int column = first_y_channel_ + panel * NR<Isa>;
      const std::size_t bytes = sizeof(float) * std::size_t(panel_width(panel));
      for (int strip = 0; strip < strips(); ++strip) {
        const int first = first_input_ + strip * tiling_.strip_width;
        const float* from = strip_sums(panel, strip);
        for (int tap = 0; tap < s_.taps(); ++tap)
          for (int c = 0; c < strip_width(strip); ++c, from += NR<Isa>)
            std::memcpy(weights + (std::int64_t(tap) * s_.group_inputs() + first + c) * s_.y.c + column, from, bytes);
      }
      if (bias != nullptr) std::memcpy(bias + column, bias_sums_ + panel * NR<Isa>, bytes);
    }
  }

 private:
  /// Some whole samples, or some rows of one sample; empty by default.
  struct Chunk {
    int sample = 0, samples = 0, row = 0, rows = 0;
  };

  [[nodiscard]] Chunk chunk(int index) const {
    const ConvolutionTiling& c = tiling_.chunk;
    const int sample = index / c.blocks_per_sample * c.samples, row = index % c.blocks_per_sample * c.rows;
    return {sample, smaller(n_ - sample, c.samples), row, smaller(s_.y.h - row, c.rows)};
  }

  void load(const Chunk& k) const {
    const ConvolutionTiling& c = tiling_.chunk;
    const Rectangle x_tile{k.row * s_.window.rows.stride + c.first_row, c.first_column, c.tile_rows, c.tile_columns};
    const Rectangle y_tile{k.row, 0, k.rows, s_.y.w};
    for (int i = 0; i < k.samples; ++i) {
      for (int strip = 0; strip < strips(); ++strip)
        load_tile<Isa>(x_tile_ + strip * tiling_.strip_floats() + i * c.tile(), c.pitch, x_tile, s_.x, x_, k.sample + i,
                       first_x_channel_ + strip * tiling_.strip_width, strip_width(strip));
      for (int panel = 0; panel < panels(); ++panel)
        load_tile<Isa>(dy_panels_ + panel * tiling_.panel_floats(s_) + std::int64_t(i) * k.rows * s_.y.w * NR<Isa>,
                       NR<Isa>, y_tile, s_.y, dy_, k.sample + i, first_y_channel_ + panel * NR<Isa>,
                       panel_width(panel));
    }
  }

  void multiply(const Chunk& now, const Chunk& next, bool accumulate) const {
    const std::int64_t steps =
        std::int64_t(panels()) * strips() * (tiling_.strip_rows(s_) / MR<Isa>)*(pixels(now) / steps_per_prefetch);
    Prefetcher prefetcher[2] = {
        prefetch_chunk(x_, s_.x.h, s_.window.rows.stride, next, first_x_channel_, inputs_, steps),
        prefetch_chunk(dy_, s_.y.h, 1, next, first_y_channel_, outputs_, steps)};
    const int kernel_columns = s_.window.columns.kernel;
    const std::int64_t column_step = std::int64_t(s_.window.columns.dilation) * tiling_.chunk.pitch;
    const std::int64_t row_step =
        std::int64_t(s_.window.rows.dilation) * tiling_.chunk.pitch * tiling_.chunk.tile_columns;
    for (int panel = 0; panel < panels(); ++panel) {
      const auto multiply_kernel =
          panel_width(panel) > Isa::width ? multiply_pixels<Isa, false> : multiply_pixels<Isa, true>;
      for (int strip = 0; strip < strips(); ++strip) {
        const int width = strip_width(strip), all_rows = s_.taps() * width;
        const float* tap = x_tile_ + strip * tiling_.strip_floats();
        float* sums = strip_sums(panel, strip);
        int channel = 0;
        int column = 0;
        for (int row = 0; row < all_rows; row += MR<Isa>, sums += MR<Isa> * NR<Isa>) {
          const float* a[MR<Isa>];
          for (int i = 0; i < MR<Isa>; ++i) {
            a[i] = tap + channel;
            if (row + i + 1 >= all_rows) continue;  // rows beyond the last repeat it
            if (++channel < width) continue;
            channel = 0;
            tap += column_step;
            if (++column < kernel_columns) continue;
            column = 0;
            tap += row_step - kernel_columns * column_step;
          }
          multiply_kernel(a, offsets_, dy_panels_ + panel * tiling_.panel_floats(s_), pixels(now), sums, accumulate,
                          prefetcher);
        }
      }
    }
  }

  /// Prefetches what loading chunk `k` reads of `source`, which has `stride` rows per row of y.
  static Prefetcher prefetch_chunk(const TensorSource<Isa>& source, int height, int stride, const Chunk& k, int c,
                                   int width, std::int64_t steps) {
    if (k.samples == 0) return {};
    const std::int64_t begin = std::int64_t(k.sample) * height + smaller(k.row * stride, height);
    const std::int64_t end =
        (k.sample + k.samples - std::int64_t{1}) * height + smaller((k.row + k.rows) * stride, height);
    return source.prefetch(begin, end, steps, c, width);
  }

  [[nodiscard]] int pixels(const Chunk& k) const { return k.samples * k.rows * s_.y.w; }
  [[nodiscard]] int strips() const { return ceil_div(inputs_, tiling_.strip_width); }
  [[nodiscard]] int panels() const { return ceil_div(outputs_, NR<Isa>); }
  [[nodiscard]] int strip_width(int strip) const {
    return smaller(inputs_ - strip * tiling_.strip_width, tiling_.strip_width);
  }
  [[nodiscard]] int panel_width(int panel) const { return smaller(outputs_ - panel * NR<Isa>, NR<Isa>); }
  [[nodiscard]] float* strip_sums(int panel, int strip) const {
    return sums_ + (std::int64_t(panel) * tiling_.strips() + strip) * tiling_.strip_rows(s_) * NR<Isa>;
  }

  const ConvolutionShape& s_;
  const DirectWeightGradientTiling<Isa>& tiling_;
  const TensorSource<Isa>& x_;
  const TensorSource<Isa>& dy_;
  int n_;
  int first_input_ = 0, inputs_ = 0, outputs_ = 0;  // within the group
  int first_x_channel_ = 0, first_y_channel_ = 0;   // within all groups
  float* x_tile_ = nullptr;                         // (strip,samples,rows,columns,strip_width)
  float* dy_panels_ = nullptr;                      // (panel,pixel,NR)
  float* sums_ = nullptr;                           // (panel,strip,row,NR)
  float* bias_sums_ = nullptr;                      // (panel,NR)
  int* offsets_ = nullptr;                          // of a chunk's pixels, in a strip of x
};

/// Adds the partial sums in order to give dw (R,S,C/groups,O) and, unless null, db (O); each partial sum holds dw, then
/// db.
inline void add_partials(const ConvolutionShape& s, int partials, const float* workspace, float* dw, float* db,
                         ThreadPool& pool) {
  constexpr int task_floats = 4096;
  const std::int64_t partial_floats = s.weights() + s.y.c, all = db != nullptr ? partial_floats : s.weights();
  pool.run(static_cast<int>((all + task_floats - 1) / task_floats), [&](int task, int) {
    const std::int64_t end =
        (task + std::int64_t{1}) * task_floats < all ? (task + std::int64_t{1}) * task_floats : all;
    for (std::int64_t i = std::int64_t(task) * task_floats; i < end; ++i) {
      float sum = workspace[i];
      for (int partial = 1; partial < partials; ++partial) sum += workspace[partial * partial_floats + i];
      (i < s.weights() ? dw[i] : db[i - s.weights()]) = sum;
    }
  });
}

/// dw[r,s,c,o] = sum over n, p, q of value(x)[n, p stride - padding + r dilation, q stride - padding + s dilation, c]
/// dy[n,p,q,o]; db[o] = sum over n, p, q of dy[n,p,q,o], unless db is null. Both are overwritten; n = 0 gives zeros.
/// Sums over chunks are added to partial sums, and those to the result.
/// equals: torch.nn.grad.conv2d_weight. Error: rms <= 2e-5 of the rms of the result.
template <class Isa>
void direct_weight_gradient(const ConvolutionShape& strided, int n, const TensorSource<Isa>& strided_x,
                            const TensorSource<Isa>& dy, float* dw, float* db, ThreadPool& pool, float* scratch,
                            float* workspace) {
  const ConvolutionShape s = without_skipped_pixels(strided);
  const TensorSource<Isa> x = strided_x.visible(strided, s);
  const auto t = DirectWeightGradientTiling<Isa>::of(s);
  const std::int64_t worker_floats = direct_weight_gradient_scratch_floats<Isa>(s);
  const int partials = t.partials(s, n), blocks = t.blocks(s);
  const std::int64_t chunks = t.chunk.blocks(n);
  pool.run(blocks * partials, [&](int index, int worker) {
    const int block = index % blocks, partial = index / blocks;
    DirectWeightGradientBlock<Isa> work(s, t, x, dy, n, block, scratch + worker * worker_floats);
    const bool with_bias = db != nullptr && block / t.output_blocks % t.input_blocks == 0;
    work.sum(static_cast<int>(chunks * partial / partials), static_cast<int>(chunks * (partial + 1) / partials),
             with_bias);
    float* weights = partials > 1 ? workspace + partial * t.partial_floats(s) : dw;
    float* bias = partials > 1 ? weights + s.weights() : db;
    work.write(weights, with_bias ? bias : nullptr);
  });
  if (partials > 1) add_partials(s, partials, workspace, dw, db, pool);
}

}  // namespace tinycnn::cpu
