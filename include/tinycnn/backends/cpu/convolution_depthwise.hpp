// Depthwise convolution, one channel in and one out a group: forward and input gradient, channels side by side in
// registers.
#pragma once

#include <tinycnn/backends/cpu/convolution_walk.hpp>

namespace tinycnn::cpu {

constexpr bool is_depthwise(const ConvolutionShape& s) { return s.groups == s.x.c && s.y.c == s.x.c && s.groups > 1; }

/// out[i][j] (+)= sum over taps t of pixel[a_t + i step + j] * weights[b_t + j], i < 8, j < NR; the taps are pieces.
template <class Isa>
[[gnu::noinline]] void multiply_taps(const float* pixel, long step, const float* weights, const Depth& taps,
                                     float* __restrict out, bool accumulate) {
  constexpr int pixels = 8;
  for (int j = 0; j < NR<Isa>; j += Isa::width) {
    Vector<Isa> sum[pixels] = {};
    for (const Depth::Piece* tap = taps.piece; tap->length > 0; ++tap) {
      const Vector<Isa> weight = load<Isa>(weights + tap->b + j);
      const float* from = pixel + tap->a + j;
#pragma GCC unroll 8
      for (int i = 0; i < pixels; ++i) sum[i] = fma<Isa>(load<Isa>(from + i * step), weight, sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < pixels; ++i) {
      if (accumulate) sum[i] += load<Isa>(out + i * NR<Isa> + j);
      store<Isa>(out + i * NR<Isa> + j, sum[i]);
    }
  }
}

/// A block is a band of rows of one sample, walked from top to bottom for one panel of NR channels after another. The
/// rows of x that a row of y needs stay in a ring of slots in the first-level cache; each is loaded once.
struct DepthwiseBlocking {
  static constexpr int rows_wanted = 32;
  static constexpr int piece_pixels = 32;  // handed on at once, so that streamed results drain during the next piece
  static constexpr int at_once = 8;        // pixels
  static constexpr int panels_wanted = 4;  // of a unit of work

  Sweep s;
  int rows = 1;  // of each phase
  int bands = 1;
  int piece_rows = 1;
  int first_offset = 0;
  int slots = 1;
  int columns = 1;  // of a slot

  static constexpr DepthwiseBlocking of(const Sweep& s, int row_multiple = 1) {
    DepthwiseBlocking b{s};
    const int all_rows = s.extent(s.out.h, 0), all_columns = s.extent(s.out.w, 0);
    b.rows = round_up(ceil_div(all_rows, ceil_div(all_rows, rows_wanted)), row_multiple);
    b.bands = ceil_div(all_rows, b.rows);
    // The ring has moved on after a piece's first phase, so that the others must read the same rows.
    b.piece_rows = s.phases > 1 ? 1 : round_up(ceil_div(piece_pixels, all_columns), row_multiple);
    b.first_offset = s.extreme_offset(1);
    b.slots = s.extreme_offset(-1) - b.first_offset + 1;
    b.columns = (all_columns - 1) * s.step + b.slots;
    return b;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return n * bands; }
  template <class Isa>
  [[nodiscard]] constexpr int panels() const {
    return ceil_div(s.in.c, NR<Isa>);
  }
  template <class Isa>
  [[nodiscard]] constexpr int width(int panel) const {
    return s.in.c - panel * NR<Isa> < NR<Isa> ? s.in.c - panel * NR<Isa> : NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr long slot_floats() const {
    return long(columns) * NR<Isa>;
  }
  /// The last pixels of a row are computed with what lies behind it.
  template <class Isa>
  [[nodiscard]] constexpr long ring_floats() const {
    return slots * slot_floats<Isa>() + long(at_once) * s.step * NR<Isa>;
  }
  template <class Isa>
  [[nodiscard]] constexpr long piece_floats() const {
    return (long(piece_rows) * s.extent(s.out.w, 0) + at_once) * NR<Isa>;
  }
};

/// The ring of one block and panel: row h of the image, within the block's reach, in its slot.
template <class Isa, class Source>
class RowRing {
 public:
  RowRing(const DepthwiseBlocking& b, const Source& source, float* slots, int sample, int first_row, int panel)
      : b_(b),
        source_(source),
        slots_(slots),
        sample_(sample),
        first_(first_row * b.s.step + b.first_offset),
        next_(first_),
        channel_(panel * NR<Isa>),
        width_(b.width<Isa>(panel)) {}

  /// Loads the rows that row `row` of each phase reads. What the row after the next will read is fetched meanwhile, in
  /// `steps` steps; below the block that is the next panel's beginning.
  [[gnu::noinline]] void advance(int row, long steps) {
    const int end = row * b_.s.step + b_.first_offset + b_.slots;
    if (next_ >= end) return;
    for (; next_ < end; ++next_)
      load_tile<Isa>(at(next_), NR<Isa>, Rectangle{next_, b_.first_offset, 1, b_.columns}, b_.s.in, source_, sample_,
                     channel_, width_);
    const int below = end + b_.s.step - (first_ + (b_.rows - 1) * b_.s.step + b_.slots);
    const int h = below < 0 ? end + b_.s.step : first_ + below;
    const int panel = channel_ / NR<Isa> + (below >= 0);
    const long begin = long(sample_) * b_.s.in.h + h;
    if (panel < b_.panels<Isa>() && h >= 0 && h < b_.s.in.h)
      ahead_ = source_.ahead(begin, begin + b_.s.step, steps, panel * NR<Isa>, b_.width<Isa>(panel));
  }
  [[gnu::always_inline]] void step() { ahead_.step(); }
  [[nodiscard]] float* at(int h) const { return slots_ + (h - b_.first_offset) % b_.slots * b_.slot_floats<Isa>(); }

 private:
  const DepthwiseBlocking& b_;
  const Source& source_;
  float* slots_;
  int sample_, first_, next_, channel_, width_;
  Ahead ahead_;
};

template <class Isa>
constexpr long depthwise_packed_floats(const ConvolutionShape& s) {
  return long(round_up(s.x.c, NR<Isa>)) * s.taps();
}

/// Per worker, of either sweep.
template <class Isa>
constexpr long depthwise_scratch_floats(const Sweep& s, int row_multiple = 1) {
  const DepthwiseBlocking b = DepthwiseBlocking::of(s, row_multiple);
  return b.ring_floats<Isa>() + b.piece_floats<Isa>();
}

/// packed[panel][tap][NR] = w (R,S,1,C), with taps in reverse order for the input gradient.
template <class Isa>
void pack_depthwise(const ConvolutionShape& s, const float* w, bool reversed, float* packed) {
  for (int first = 0; first < s.x.c; first += NR<Isa>)
    for (int tap = 0; tap < s.taps(); ++tap, packed += NR<Isa>) {
      const float* from = w + long(reversed ? s.taps() - 1 - tap : tap) * s.x.c + first;
      for (int j = 0; j < NR<Isa>; ++j) packed[j] = first + j < s.x.c ? from[j] : 0.0f;
    }
}

/// out (columns rounded up to 8, NR) = row `row` of a phase.
template <class Isa, class Source>
[[gnu::noinline]] void depthwise_row(const DepthwiseBlocking& b, RowRing<Isa, Source>& ring, int row, int phase_h,
                                     int phase_w, int columns, const float* weights, float* out) {
  const Sweep& s = b.s;
  const float* origin = ring.at(b.first_offset);
  const long step = long(s.step) * NR<Isa>;
  Depth taps;
  bool accumulate = false;
  const auto flush = [&] {
    for (int j = 0; j < columns; j += DepthwiseBlocking::at_once) {
      ring.step();
      multiply_taps<Isa>(origin + j * step, step, weights, taps, out + long(j) * NR<Isa>, accumulate);
    }
    taps.clear();
    accumulate = true;
  };
  for (int t = 0; t < s.kernel; ++t)
    for (int u = 0; u < s.kernel; ++u) {
      if (!s.meets(phase_h, t) || !s.meets(phase_w, u)) continue;
      if (taps.pieces == Depth::capacity) flush();
      taps.add(
          ring.at(row * s.step + s.offset(phase_h, t)) - origin + (s.offset(phase_w, u) - b.first_offset) * NR<Isa>,
          long(t * s.kernel + u) * NR<Isa>, 1);
    }
  if (taps.pieces > 0 || !accumulate) flush();
}

/// Forward, or input gradient with its sweep and weights packed in reverse.
/// equals: convolution_forward, convolution_input_gradient. Error: rms <= 5e-6 of the result's.
template <class Isa, class Source, class Epilogue>
void depthwise_walk(const Sweep& s, int n, const Source& source, const float* packed, const Epilogue& epilogue,
                    ThreadPool& pool, float* scratch) {
  const DepthwiseBlocking b = DepthwiseBlocking::of(s, epilogue.row_multiple());
  const long worker_floats = depthwise_scratch_floats<Isa>(s, epilogue.row_multiple());
  const int panels = b.panels<Isa>(), ranges = ceil_div(panels, DepthwiseBlocking::panels_wanted);
  pool.run(b.blocks(n) * ranges, [&](int unit, int worker) {
    float* slots = scratch + worker * worker_floats;  // (slots, columns, NR)
    float* out = slots + b.ring_floats<Isa>();        // (piece rows, columns, NR)
    Panel piece;
    piece.values = out;
    piece.block = unit / ranges;
    piece.sample = piece.block / b.bands;
    piece.samples = 1;
    piece.row_step = piece.column_step = s.phases;
    const int first_row = piece.block % b.bands * b.rows;
    const int end = panels * (unit % ranges + 1) / ranges;
    for (int panel = panels * (unit % ranges) / ranges; panel < end; ++panel) {
      RowRing<Isa, Source> ring(b, source, slots, piece.sample, first_row, panel);
      piece.channel = panel * NR<Isa>;
      piece.width = b.width<Isa>(panel);
      piece.first = true;
      for (int row = first_row; row < first_row + b.rows; row += b.piece_rows) {
        const int rows_left = first_row + b.rows - row < b.piece_rows ? first_row + b.rows - row : b.piece_rows;
        for (int phase = 0; phase < s.phases * s.phases; ++phase) {
          const int phase_h = phase / s.phases, phase_w = phase % s.phases;
          const int left = s.extent(s.out.h, phase_h) - row;
          piece.row = phase_h + row * s.phases;
          piece.rows = left < rows_left ? left : rows_left;
          piece.column = phase_w;
          piece.columns = s.extent(s.out.w, phase_w);
          if (piece.rows <= 0 || piece.columns <= 0) continue;
          for (int i = 0; i < piece.rows; ++i) {
            ring.advance(row + i, ceil_div(piece.columns, DepthwiseBlocking::at_once));
            depthwise_row<Isa>(b, ring, row + i, phase_h, phase_w, piece.columns,
                               packed + long(panel) * s.kernel * s.kernel * NR<Isa>,
                               out + long(i) * piece.columns * NR<Isa>);
          }
          epilogue.panel(piece);
          piece.first = false;
        }
      }
    }
    __builtin_ia32_sfence();  // as in walk
  });
}

}  // namespace tinycnn::cpu
