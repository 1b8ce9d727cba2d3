// Direct convolution, gradient of the weights and the bias: a product over all pixels, cut into fixed units of weights.
#pragma once

#include <tinycnn/backends/cpu/convolution_sweep.hpp>
#include <tinycnn/backends/cpu/convolution_tile.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

namespace tinycnn::cpu {

/// A unit is a range of inputs by a range of outputs (of one group) by a fixed part of the batch. It keeps its sums in
/// scratch and goes through its part in chunks of pixels. Where there are few units of weights the batch is cut into
/// parts, each with sums of its own, which are added in order at the end. The shape alone decides all of it.
template <class Isa>
struct WeightGradientBlocking {
  static constexpr int strip = 16;  // channels side by side in the tile of x: a cache line a pixel
  static constexpr int inputs_wanted = 64;
  static constexpr int outputs_wanted = 128;
  static constexpr int pixels_wanted = 256;  // of a chunk
  static constexpr int units_wanted = 16;

  int inputs = 1;   // of a unit
  int outputs = 1;  // of a unit
  int strip_width = 1;
  int input_ranges = 1;
  int output_ranges = 1;
  int parts = 1;
  SweepBlocking chunk;

  [[gnu::noinline]] static constexpr WeightGradientBlocking of(const ConvolutionShape& s) {
    WeightGradientBlocking b;
    const auto least = [](int x, int y) { return x < y ? x : y; };
    b.inputs = least(s.group_inputs(), inputs_wanted);
    b.outputs = least(round_up(s.group_outputs(), NR<Isa>), outputs_wanted);
    b.strip_width = least(b.inputs, strip);
    b.input_ranges = ceil_div(s.group_inputs(), b.inputs);
    b.output_ranges = ceil_div(s.group_outputs(), b.outputs);
    const int units = s.groups * b.input_ranges * b.output_ranges;
    b.parts = ceil_div(units_wanted, units);

    const Sweep sweep = forward_sweep(s);
    SweepBlocking& c = b.chunk;
    const int reach = s.window.reach();
    c.first_offset = -s.window.padding;
    c.pitch = b.strip_width;
    c.tile_columns = (s.y.w - 1) * sweep.step + reach;
    const int wanted = least(ceil_div(pixels_wanted, s.y.w), Depth::capacity);
    c.rows = least(wanted, s.y.h);
    c.samples = c.rows == s.y.h ? wanted / s.y.h : 1;
    c.tile_rows = (c.rows - 1) * sweep.step + reach;
    c.bands = ceil_div(s.y.h, c.rows);
    return b;
  }

  [[nodiscard]] constexpr int strips() const { return ceil_div(inputs, strip_width); }
  [[nodiscard]] constexpr int panels() const { return outputs / NR<Isa>; }
  [[nodiscard]] constexpr long strip_floats() const { return (chunk.samples * chunk.tile() + 15) / 16 * 16; }
  [[nodiscard]] constexpr int chunk_pixels(const ConvolutionShape& s) const {
    return chunk.samples * chunk.rows * s.y.w;
  }
  /// Rows of the sums of a strip: (r, s, c), rounded up to the register tile.
  [[nodiscard]] constexpr int strip_rows(const ConvolutionShape& s) const {
    return round_up(s.taps() * strip_width, MR<Isa>);
  }
  [[nodiscard]] constexpr long sums_floats(const ConvolutionShape& s) const {
    return long(panels()) * strips() * strip_rows(s) * NR<Isa>;
  }
  [[nodiscard]] constexpr long scratch_floats(const ConvolutionShape& s) const {
    return strips() * strip_floats() + long(panels()) * chunk_pixels(s) * NR<Isa> + sums_floats(s) + outputs;
  }
  [[nodiscard]] constexpr long part_floats(const ConvolutionShape& s) const { return s.weights() + s.y.c; }
};

/// Per worker.
template <class Isa>
constexpr long weight_gradient_scratch_floats(const ConvolutionShape& s) {
  const ConvolutionShape dense = without_unread(s);
  return (WeightGradientBlocking<Isa>::of(dense).scratch_floats(dense) + 15) / 16 * 16;
}

/// Shared by all workers: the parts' sums; 0 where there is one part.
template <class Isa>
constexpr long weight_gradient_shared_floats(const ConvolutionShape& s) {
  const auto b = WeightGradientBlocking<Isa>::of(s);
  return b.parts > 1 ? b.parts * b.part_floats(s) : 0;
}

/// One chunk added to a unit's sums (panel, strip, row, NR): x tiles (strip, samples, rows, columns, strip_width), dy
/// panels (panel, pixel, NR).
template <class Isa>
[[gnu::noinline]] void multiply_chunk(const ConvolutionShape& s, const WeightGradientBlocking<Isa>& b, int samples,
                                      int rows, int inputs, int outputs, const float* x, const float* dy, float* sums,
                                      bool accumulate, Ahead (&ahead)[2]) {
  const SweepBlocking& c = b.chunk;
  const int stride = s.window.stride, panels = ceil_div(outputs, NR<Isa>);
  Depth depth;
  depth.a_step = long(stride) * c.pitch;
  for (int n = 0; n < samples; ++n)
    for (int p = 0; p < rows; ++p)
      depth.add(n * c.tile() + long(p) * stride * c.tile_columns * c.pitch, long(n * rows + p) * s.y.w * NR<Isa>,
                s.y.w);
  const long dy_panel = long(b.chunk_pixels(s)) * NR<Isa>;
  const long row_step = long(s.window.dilation) * c.tile_columns * c.pitch;
  const long column_step = long(s.window.dilation) * c.pitch;
  for (int strip = 0; strip * b.strip_width < inputs; ++strip) {
    const int left = inputs - strip * b.strip_width;
    const int width = left < b.strip_width ? left : b.strip_width;
    const int all_rows = s.taps() * width;
    for (int panel = 0; panel < panels; ++panel) {
      float* out = sums + (long(panel) * b.strips() + strip) * b.strip_rows(s) * NR<Isa>;
      const float* tap = x + strip * b.strip_floats();
      int channel = 0;
      int column = 0;
      for (int row = 0; row < all_rows; row += MR<Isa>) {
        const float* a[MR<Isa>];
        for (int i = 0; i < MR<Isa>; ++i) {
          a[i] = tap + channel;
          if (row + i + 1 >= all_rows) continue;  // rows beyond the last repeat it
          if (++channel < width) continue;
          channel = 0;
          tap += column_step;
          if (++column < s.window.kernel) continue;
          column = 0;
          tap += row_step - s.window.kernel * column_step;
        }
        ahead[0].step();
        ahead[1].step();
        if (outputs - panel * NR<Isa> <= Isa::width)
          multiply<Isa, true>(a, dy + panel * dy_panel, depth, out + long(row) * NR<Isa>, accumulate);
        else
          multiply<Isa>(a, dy + panel * dy_panel, depth, out + long(row) * NR<Isa>, accumulate);
      }
    }
  }
}

/// sums[j] (+)= sum over pixels of the panel (pixels, NR).
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

/// dw (R,S,C/groups,O) and db (O), or db null = sum of the parts, each dw followed by db.
inline void add_parts(const ConvolutionShape& s, int parts, const float* shared, float* dw, float* db,
                      ThreadPool& pool) {
  constexpr int piece = 4096;
  const long part_floats = s.weights() + s.y.c, all = db != nullptr ? part_floats : s.weights();
  pool.run(static_cast<int>((all + piece - 1) / piece), [&](int unit, int) {
    const long end = (unit + 1L) * piece < all ? (unit + 1L) * piece : all;
    for (long i = long(unit) * piece; i < end; ++i) {
      float sum = shared[i];
      for (int part = 1; part < parts; ++part) sum += shared[part * part_floats + i];
      (i < s.weights() ? dw[i] : db[i - s.weights()]) = sum;
    }
  });
}

/// dw[r,s,c,o] = sum over n, p, q of value(x)[n, p stride - padding + r dilation, q stride - padding + s dilation, c]
/// dy[n,p,q,o]; db[o] = sum of dy, or db null. Both are overwritten; n = 0 gives zeros.
/// equals: torch.nn.grad.conv2d_weight. Error: rms <= 2e-5 of the result's; sums come in levels of chunk, part, batch.
template <class Isa, class SourceX, class SourceY>
void convolution_weight_gradient(const ConvolutionShape& given, int n, const SourceX& given_x, const SourceY& dy,
                                 float* dw, float* db, ThreadPool& pool, float* scratch, float* shared) {
  const ConvolutionShape s = without_unread(given);
  const SourceX x = given_x.every(given.window.stride / s.window.stride);
  const auto b = WeightGradientBlocking<Isa>::of(s);
  const SweepBlocking& c = b.chunk;
  const long worker_floats = weight_gradient_scratch_floats<Isa>(s);
  const int chunks = c.blocks(n);
  pool.run(s.groups * b.input_ranges * b.output_ranges * b.parts, [&](int unit, int worker) {
    const int output_range = unit % b.output_ranges;
    const int input_range = unit / b.output_ranges % b.input_ranges;
    const int group = unit / b.output_ranges / b.input_ranges % s.groups;
    const int part = unit / b.output_ranges / b.input_ranges / s.groups;
    const int first_input = input_range * b.inputs;
    const int first_output = output_range * b.outputs;
    const int inputs = s.group_inputs() - first_input < b.inputs ? s.group_inputs() - first_input : b.inputs;
    const int outputs = s.group_outputs() - first_output < b.outputs ? s.group_outputs() - first_output : b.outputs;
    const int panels = ceil_div(outputs, NR<Isa>), first_column = group * s.group_outputs() + first_output;
    float* x_tile = scratch + worker * worker_floats;                          // (strip,samples,rows,columns,strip)
    float* dy_panels = x_tile + b.strips() * b.strip_floats();                 // (panel,pixel,NR)
    float* sums = dy_panels + long(b.panels()) * b.chunk_pixels(s) * NR<Isa>;  // (panel,strip,row,NR)
    float* bias_sums = sums + b.sums_floats(s);                                // (panel,NR)
    const bool with_bias = db != nullptr && input_range == 0;
    const int begin = static_cast<int>(long(chunks) * part / b.parts);
    const int end = static_cast<int>(long(chunks) * (part + 1) / b.parts);
    if (begin == end) std::memset(sums, 0, sizeof(float) * static_cast<std::size_t>(b.sums_floats(s) + b.outputs));
    for (int chunk = begin; chunk < end; ++chunk) {
      const int sample = chunk / c.bands * c.samples;
      const int samples = n - sample < c.samples ? n - sample : c.samples;
      const int p = chunk % c.bands * c.rows;
      const int rows = s.y.h - p < c.rows ? s.y.h - p : c.rows;
      const Rectangle rectangle{p * s.window.stride - s.window.padding, -s.window.padding, c.tile_rows, c.tile_columns};
      for (int i = 0; i < samples; ++i) {
        for (int first = 0; first < inputs; first += b.strip_width)
          load_tile<Isa>(x_tile + first / b.strip_width * b.strip_floats() + i * c.tile(), c.pitch, rectangle, s.x, x,
                         sample + i, group * s.group_inputs() + first_input + first,
                         inputs - first < b.strip_width ? inputs - first : b.strip_width);
        for (int panel = 0; panel < panels; ++panel)
          load_tile<Isa>(dy_panels + (long(panel) * b.chunk_pixels(s) + long(i) * rows * s.y.w) * NR<Isa>, NR<Isa>,
                         Rectangle{p, 0, rows, s.y.w}, s.y, dy, sample + i, first_column + panel * NR<Isa>,
                         outputs - panel * NR<Isa> < NR<Isa> ? outputs - panel * NR<Isa> : NR<Isa>);
      }
      Ahead ahead[2];  // the next chunk
      if (chunk + 1 < end) {
        const long steps = long(b.strips()) * panels * (b.strip_rows(s) / MR<Isa>);
        const long next = p + rows < s.y.h ? sample : sample + samples, next_p = p + rows < s.y.h ? p + rows : 0;
        const long last = (next + (next_p == 0 ? c.samples : 1) < n ? next + (next_p == 0 ? c.samples : 1) : n);
        const auto row = [](long of, long h, int height) { return of * height + (h < height ? h : height); };
        const long x_begin = row(next, next_p * s.window.stride, s.x.h), dy_begin = row(next, next_p, s.y.h);
        const long end_p = next_p + c.rows;
        ahead[0] = x.ahead(x_begin, row(last - 1, end_p * s.window.stride, s.x.h), steps,
                           group * s.group_inputs() + first_input, inputs);
        ahead[1] = dy.ahead(dy_begin, row(last - 1, end_p, s.y.h), steps, first_column, outputs);
      }
      multiply_chunk<Isa>(s, b, samples, rows, inputs, outputs, x_tile, dy_panels, sums, chunk != begin, ahead);
      if (with_bias)
        for (int panel = 0; panel < panels; ++panel)
          add_pixels<Isa>(dy_panels + long(panel) * b.chunk_pixels(s) * NR<Isa>, samples * rows * s.y.w,
                          bias_sums + panel * NR<Isa>, chunk != begin);
    }
    float* weights = b.parts > 1 ? shared + part * b.part_floats(s) : dw;  // (R,S,C/groups,O)
    for (int panel = 0; panel < panels; ++panel) {
      const int left = outputs - panel * NR<Isa>;
      const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(left < NR<Isa> ? left : NR<Isa>);
      for (int first = 0; first < inputs; first += b.strip_width) {
        const int width = inputs - first < b.strip_width ? inputs - first : b.strip_width;
        const float* from = sums + (long(panel) * b.strips() + first / b.strip_width) * b.strip_rows(s) * NR<Isa>;
        for (int row = 0; row < s.taps() * width; ++row, from += NR<Isa>)
          std::memcpy(weights + (long(row / width) * s.group_inputs() + first_input + first + row % width) * s.y.c +
                          first_column + panel * NR<Isa>,
                      from, bytes);
      }
      if (with_bias)
        std::memcpy((b.parts > 1 ? weights + s.weights() : db) + first_column + panel * NR<Isa>,
                    bias_sums + panel * NR<Isa>, bytes);
    }
  });
  if (b.parts > 1) add_parts(s, b.parts, shared, dw, db, pool);
}

}  // namespace tinycnn::cpu
