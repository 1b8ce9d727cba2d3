// The rows of an image that a depthwise convolution reads: in place where that can be, else loaded into a ring.
#pragma once

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>

namespace tinycnn::cpu {

/// [begin, end).
struct Span {
  int begin = 0;
  int end = 0;
};

/// A block is some rows of one sample, processed from top to bottom in chunks of whole rows; its panels may be split
/// over tasks.
struct DepthwiseTiling {
  static constexpr int rows_wanted = 32;
  static constexpr int chunk_pixels = 16;  // of a row, in one output tile: streamed results drain during the next one
  static constexpr int at_once = 8;        // pixels
  template <class Isa>
  static constexpr int at_once_3x3 = Isa::width == 16 ? 8 : 4;  // of each of two rows: as many as registers hold

  ConvolutionGeometry s;
  int rows = 1;  // of each phase
  int blocks_per_sample = 1;
  int chunk_rows = 1;
  bool pairs = false;  // of rows of a 3x3 kernel, pixels and taps side by side, with at most a pixel of border
  bool whole_rows = false;
  int first_offset = 0;
  int span = 1;  // rows, and columns, from the first to the last that a pixel of y reads
  int slots = 1;
  int columns = 1;  // of a slot
  int whole = 0;    // columns of y that read nothing outside the image

  static constexpr DepthwiseTiling of(const ConvolutionGeometry& s, int row_multiple = 1) {
    DepthwiseTiling b{s};
    const int all_rows = s.extent(s.out.h, 0), all_columns = s.extent(s.out.w, 0);
    b.rows = round_up(ceil_div(all_rows, ceil_div(all_rows, rows_wanted)), row_multiple);
    b.blocks_per_sample = ceil_div(all_rows, b.rows);
    b.pairs = s.kernel == 3 && s.dilation == 1 && s.step == 1 && s.phases == 1 && s.base >= -1 &&
              all_columns + 1 + s.base <= s.in.w;
    b.chunk_rows = round_up(b.pairs ? 2 : ceil_div(chunk_pixels, all_columns), row_multiple);
    b.whole_rows = !b.pairs || row_multiple > 1;
    b.first_offset = s.extreme_offset(1);
    b.span = s.extreme_offset(-1) - b.first_offset + 1;
    b.slots = (b.chunk_rows - 1) * s.step + b.span;
    b.columns = (all_columns - 1) * s.step + b.span;
    const int left = b.first_offset < 0 ? ceil_div(-b.first_offset, s.step) : 0;
    const int last = s.in.w - b.span - b.first_offset;  // column that a whole one begins to read, about column 0
    b.whole = last < 0 ? 0 : (last / s.step < all_columns ? last / s.step + 1 : all_columns) - left;
    return b;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return n * blocks_per_sample; }
  /// Of a chunk's columns [begin, end), the first ones, which make one output tile.
  [[nodiscard]] constexpr Span output_columns(int begin, int end) const {
    return {begin, whole_rows || end - begin < 2 * chunk_pixels ? end : begin + chunk_pixels};
  }
  /// Steps over which to prefetch the next chunk: one per register of a group of pixels.
  template <class Isa>
  [[nodiscard]] constexpr long steps(int split_panels, int result_rows) const {
    const int row_groups = pairs ? ceil_div(result_rows, 2) : result_rows, group = pairs ? at_once_3x3<Isa> : at_once;
    return long(split_panels) * row_groups * (NR<Isa> / Isa::width) * s.phases * s.phases *
           ceil_div(s.extent(s.out.w, 0), group);
  }
  template <class Isa>
  [[nodiscard]] constexpr int panels() const {
    return ceil_div(s.in.c, NR<Isa>);
  }
  /// Whether rows may stay where they are: registers do not reach beyond a pixel, and the columns at the border, which
  /// are computed one by one at `cost` times the price, are few.
  template <class Isa>
  [[nodiscard]] constexpr bool in_place(int cost) const {
    const int all_columns = s.extent(s.out.w, 0);
    return s.in.c % Isa::width == 0 && whole >= at_once && (all_columns - whole) * cost <= all_columns;
  }
  /// How many splits of the panels, so that there is work for all threads.
  template <class Isa>
  [[nodiscard]] constexpr int splits(int tasks, int threads) const {
    const int wanted = tasks > 0 ? ceil_div(4 * threads, tasks) : 1;
    return wanted < panels<Isa>() ? wanted : panels<Isa>();
  }
  /// Channels of panels [first, last).
  template <class Isa>
  [[nodiscard]] constexpr int width(int first, int last) const {
    return (last * NR<Isa> < s.in.c ? last * NR<Isa> : s.in.c) - first * NR<Isa>;
  }
  /// Floats from pixel to pixel of a slot. Pixels a large power of two apart would fall into few sets of a cache.
  template <class Isa>
  [[nodiscard]] constexpr int pitch() const {
    const int width = panels<Isa>() * NR<Isa>;
    return width + (width % 256 == 0 ? 16 : 0);
  }
  /// The last pixels of a row are computed with what lies behind it.
  template <class Isa>
  [[nodiscard]] constexpr long ring_floats() const {
    return (long(slots) * columns + long(at_once) * s.step) * pitch<Isa>();
  }
  template <class Isa>
  [[nodiscard]] constexpr long chunk_floats() const {
    return (long(chunk_rows) * s.extent(s.out.w, 0) + at_once) * NR<Isa>;
  }
};

/// The image rows that a chunk of one block and split reads. Rows read in place end where the image does; those in the
/// ring have its border of zeros.
template <class Isa, class Source>
class DepthwiseInputRows {
 public:
  DepthwiseInputRows(const DepthwiseTiling& b, const Source& source, float* slots, int sample, int first_row,
                     int first_panel, int last_panel, int border_cost)
      : b_(b),
        source_(source),
        slots_(slots),
        sample_(sample),
        end_(first_row * b.s.step + b.first_offset),
        channel_(first_panel * NR<Isa>),
        width_(b.width<Isa>(first_panel, last_panel)),
        in_place_(b.in_place<Isa>(border_cost) ? source.pixels(sample) : nullptr),
        pitch_(in_place_ != nullptr ? b.s.in.c : b.pitch<Isa>()) {}

  /// Goes to the rows that rows [row, row + rows) of each phase read. The rows below are prefetched meanwhile, in
  /// `steps` steps.
  void advance(int row, int rows, long steps) {
    begin_ = row * b_.s.step + b_.first_offset;
    turned_ = row * b_.s.step % b_.slots;
    int h = end_ < begin_ ? begin_ : end_;
    end_ = (row + rows - 1) * b_.s.step + b_.first_offset + b_.span;
    for (; in_place_ == nullptr && h < end_; ++h)
      load_tile<Isa>(slot(h), pitch_, Rectangle{h, b_.first_offset, 1, b_.columns}, b_.s.in, source_, sample_, channel_,
                     width_);
    const long below = long(sample_) * b_.s.in.h + (end_ < 0 ? 0 : end_ < b_.s.in.h ? end_ : b_.s.in.h);
    prefetcher_ = source_.prefetch(below, below + long(b_.chunk_rows) * b_.s.step, steps, channel_, width_);
  }
  [[nodiscard]] Prefetcher& prefetcher() { return prefetcher_; }

  /// Column 0 of row h of the image, which the chunk reaches, from the split's first channel on; null outside.
  [[nodiscard]] const float* at(int h) const {
    if (in_place_ == nullptr) return slot(h) - long(b_.first_offset) * pitch_;
    return h >= 0 && h < b_.s.in.h ? in_place_ + long(h) * b_.s.in.w * pitch_ + channel_ : nullptr;
  }
  [[nodiscard]] bool in_place() const { return in_place_ != nullptr; }
  [[nodiscard]] long pitch() const { return pitch_; }

  /// Of `taps` columns `step` apart from `column` on, those that can be read.
  [[nodiscard]] Span inside(int column, int step, int taps) const {
    Span s{0, taps};
    while (s.begin < s.end && column + s.begin * step < 0) ++s.begin;
    while (s.end > s.begin && column + (s.end - 1) * step >= b_.s.in.w) --s.end;
    return s;
  }
  /// Of a row's pixels, those whose taps can all be read; none if they are too few to be taken at once.
  [[nodiscard]] Span whole(int columns, int column, int step, int taps) const {
    Span s{0, columns};
    if (in_place_ == nullptr || taps == 0) return s;
    while (s.begin < s.end && s.begin * b_.s.step + column < 0) ++s.begin;
    while (s.end > s.begin && (s.end - 1) * b_.s.step + column + (taps - 1) * step >= b_.s.in.w) --s.end;
    return s.end - s.begin < DepthwiseTiling::at_once ? Span{} : s;
  }
  /// Whether a column of the image cannot be read.
  [[nodiscard]] bool outside(int column) const { return in_place_ != nullptr && (column < 0 || column >= b_.s.in.w); }

 private:
  [[nodiscard]] float* slot(int h) const {
    const int slot = turned_ + h - begin_;
    return slots_ + (slot < b_.slots ? slot : slot - b_.slots) * long(b_.columns) * pitch_;
  }

  const DepthwiseTiling& b_;
  const Source& source_;
  float* slots_;
  int sample_, end_, channel_, width_;
  const float* in_place_;  // (H,W,C)
  int pitch_;
  int begin_ = 0;   // the chunk's first row
  int turned_ = 0;  // its slot
  Prefetcher prefetcher_;
};

}  // namespace tinycnn::cpu
