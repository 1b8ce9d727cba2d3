// The tiling of a depthwise convolution, and the image rows that it reads: in place if possible, else from a ring
// buffer.
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>

namespace tinycnn::cpu {

/// The window is square, though its end padding may differ. A block is some rows of one sample, processed from top to
/// bottom in chunks of whole rows; its panels may be split over several tasks. A register tile is `tile_pixels`
/// neighbouring pixels of a row by one register of channels.
struct DepthwiseTiling {
  static constexpr int target_rows = 32;
  static constexpr int tile_pixels = 8;  // per register tile
  /// Per row of an output tile, so that its non-temporal stores can drain during the next tile.
  static constexpr int output_tile_pixels = 16;
  template <class Isa>
  static constexpr int tile_pixels_3x3 = Isa::width == 16 ? 8 : 4;  // per row of a tile of two rows

  ConvolutionGeometry g;
  int rows = 1;  // per block, of each phase
  int blocks_per_sample = 1;
  int chunk_rows = 1;
  bool row_pairs = false;   // register tiles have two rows: 3x3, stride 1, dilation 1, at most one column of padding
  bool whole_rows = false;  // output tiles consist of whole rows
  int first_offset = 0;
  int span = 1;      // rows, and columns, from the first to the last that a pixel of y reads
  int slots = 1;     // rows of the ring buffer
  int columns = 1;   // of a slot
  int interior = 0;  // columns of y that read nothing outside the image

  static constexpr DepthwiseTiling of(const ConvolutionGeometry& g, int row_multiple = 1) {
    DepthwiseTiling t{g};
    const int all_rows = g.phase_rows(0), all_columns = g.phase_columns(0), step = g.columns.step;
    t.rows = round_up(ceil_div(all_rows, ceil_div(all_rows, target_rows)), row_multiple);
    t.blocks_per_sample = ceil_div(all_rows, t.rows);
    t.row_pairs =
        g.columns.kernel == 3 && g.is_dense() && g.columns.base >= -1 && all_columns + 1 + g.columns.base <= g.in.w;
    t.chunk_rows = round_up(t.row_pairs ? 2 : ceil_div(output_tile_pixels, all_columns), row_multiple);
    t.whole_rows = !t.row_pairs || row_multiple > 1;
    t.first_offset = g.columns.extreme_offset(1);
    t.span = g.columns.span() + 1;
    t.slots = (t.chunk_rows - 1) * step + t.span;
    t.columns = (all_columns - 1) * step + t.span;
    const int left = t.first_offset < 0 ? ceil_div(-t.first_offset, step) : 0;
    const int last = g.in.w - t.span - t.first_offset;  // largest first column read by an interior one
    t.interior = last < 0 ? 0 : (last / step < all_columns ? last / step + 1 : all_columns) - left;
    return t;
  }

  [[nodiscard]] constexpr int blocks(int n) const { return n * blocks_per_sample; }
  /// Of a chunk's columns [begin, end), those of the first output tile.
  [[nodiscard]] constexpr IndexRange output_columns(int begin, int end) const {
    return {begin, whole_rows || end - begin < 2 * output_tile_pixels ? end : begin + output_tile_pixels};
  }
  /// The steps over which to prefetch the next chunk: one per register tile.
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t steps(int split_panels, int result_rows) const {
    const int tile_rows = row_pairs ? ceil_div(result_rows, 2) : result_rows,
              columns_per_tile = row_pairs ? tile_pixels_3x3<Isa> : tile_pixels;
    return std::int64_t(split_panels) * tile_rows * (NR<Isa> / Isa::width) * g.phases() *
           ceil_div(g.phase_columns(0), columns_per_tile);
  }
  template <class Isa>
  [[nodiscard]] constexpr int panels() const {
    return ceil_div(g.in.c, NR<Isa>);
  }
  /// Whether rows can be read in place: no register of channels extends beyond a pixel, and few columns read outside
  /// the image, which are then computed one by one, each at `cost` times the cost of another.
  template <class Isa>
  [[nodiscard]] constexpr bool in_place(int cost) const {
    const int all_columns = g.phase_columns(0);
    return g.in.c % Isa::width == 0 && interior >= tile_pixels && (all_columns - interior) * cost <= all_columns;
  }
  /// The number of tasks that the panels of a block are split over, so that there is work for all threads.
  template <class Isa>
  [[nodiscard]] constexpr int splits(int tasks, int threads) const {
    const int target = tasks > 0 ? ceil_div(4 * threads, tasks) : 1;
    return target < panels<Isa>() ? target : panels<Isa>();
  }
  /// Channels of panels [first, last).
  template <class Isa>
  [[nodiscard]] constexpr int width(int first, int last) const {
    return (last * NR<Isa> < g.in.c ? last * NR<Isa> : g.in.c) - first * NR<Isa>;
  }
  /// Floats from pixel to pixel of a slot. Pixels a large power of two apart would map to few sets of a cache.
  template <class Isa>
  [[nodiscard]] constexpr int pitch() const {
    const int width = panels<Isa>() * NR<Isa>;
    return width + (width % 256 == 0 ? 16 : 0);
  }
  /// Floats of the ring buffer. The last register tile of a row may read beyond its end.
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t ring_floats() const {
    return (std::int64_t(slots) * columns + std::int64_t(tile_pixels) * g.columns.step) * pitch<Isa>();
  }
  /// Floats of the output tiles of a chunk.
  template <class Isa>
  [[nodiscard]] constexpr std::int64_t chunk_floats() const {
    return (std::int64_t(chunk_rows) * g.phase_columns(0) + tile_pixels) * NR<Isa>;
  }
};

/// The image rows that the chunks of a task read. In the ring buffer they are zero-padded; in place they are not, so
/// columns and rows outside the image must not be read.
template <class Isa, class Source>
class DepthwiseInputRows {
 public:
  DepthwiseInputRows(const DepthwiseTiling& tiling, const Source& source, float* slots, int sample, int first_row,
                     int first_panel, int last_panel, int border_cost)
      : tiling_(tiling),
        source_(source),
        slots_(slots),
        sample_(sample),
        end_(first_row * tiling.g.rows.step + tiling.first_offset),
        channel_(first_panel * NR<Isa>),
        width_(tiling.width<Isa>(first_panel, last_panel)),
        in_place_(tiling.in_place<Isa>(border_cost) ? source.pixels(sample) : nullptr),
        pitch_(in_place_ != nullptr ? tiling.g.in.c : tiling.pitch<Isa>()) {}

  /// Advances to the chunk of output rows [row, row + rows) of each phase. `prefetcher()` then prefetches the input
  /// rows below, in `steps` steps.
  void advance(int row, int rows, std::int64_t steps) {
    begin_ = row * tiling_.g.rows.step + tiling_.first_offset;
    first_slot_ = row * tiling_.g.rows.step % tiling_.slots;
    int h = end_ < begin_ ? begin_ : end_;
    end_ = (row + rows - 1) * tiling_.g.rows.step + tiling_.first_offset + tiling_.span;
    for (; in_place_ == nullptr && h < end_; ++h)
      load_tile<Isa>(slot(h), pitch_, Rectangle{h, tiling_.first_offset, 1, tiling_.columns}, tiling_.g.in, source_,
                     sample_, channel_, width_);
    const std::int64_t below = std::int64_t(sample_) * tiling_.g.in.h + (end_ < 0                ? 0
                                                                         : end_ < tiling_.g.in.h ? end_
                                                                                                 : tiling_.g.in.h);
    prefetcher_ = source_.prefetch(below, below + std::int64_t(tiling_.chunk_rows) * tiling_.g.rows.step, steps,
                                   channel_, width_);
  }
  [[nodiscard]] Prefetcher& prefetcher() { return prefetcher_; }

  /// Row h of the image, which the chunk must read: column 0, the task's first channel. Null if it is outside the image
  /// and rows are read in place.
  [[nodiscard]] const float* at(int h) const {
    if (in_place_ == nullptr) return slot(h) - std::int64_t(tiling_.first_offset) * pitch_;
    return h >= 0 && h < tiling_.g.in.h ? in_place_ + std::int64_t(h) * tiling_.g.in.w * pitch_ + channel_ : nullptr;
  }
  [[nodiscard]] bool in_place() const { return in_place_ != nullptr; }
  [[nodiscard]] std::int64_t pitch() const { return pitch_; }

  /// Which of `taps` taps, at columns `column`, `column + step`, ..., can be read.
  [[nodiscard]] IndexRange inside(int column, int step, int taps) const {
    IndexRange r{0, taps};
    while (r.begin < r.end && column + r.begin * step < 0) ++r.begin;
    while (r.end > r.begin && column + (r.end - 1) * step >= tiling_.g.in.w) --r.end;
    return r;
  }
  /// Which of a row's pixels are interior: all of their taps can be read. Empty if they are fewer than a register tile.
  [[nodiscard]] IndexRange interior(int columns, int column, int step, int taps) const {
    IndexRange r{0, columns};
    if (in_place_ == nullptr || taps == 0) return r;
    while (r.begin < r.end && r.begin * tiling_.g.columns.step + column < 0) ++r.begin;
    while (r.end > r.begin && (r.end - 1) * tiling_.g.columns.step + column + (taps - 1) * step >= tiling_.g.in.w)
      --r.end;
    return r.end - r.begin < DepthwiseTiling::tile_pixels ? IndexRange{} : r;
  }
  /// Whether a column cannot be read.
  [[nodiscard]] bool outside(int column) const {
    return in_place_ != nullptr && (column < 0 || column >= tiling_.g.in.w);
  }

 private:
  [[nodiscard]] float* slot(int h) const {
    const int slot = first_slot_ + h - begin_;
    return slots_ + (slot < tiling_.slots ? slot : slot - tiling_.slots) * std::int64_t(tiling_.columns) * pitch_;
  }

  const DepthwiseTiling& tiling_;
  const Source& source_;
  float* slots_;
  int sample_, end_, channel_, width_;
  const float* in_place_;  // (H,W,C)
  int pitch_;
  int begin_ = 0;       // the chunk's first input row
  int first_slot_ = 0;  // the slot of that row
  Prefetcher prefetcher_;
};

}  // namespace tinycnn::cpu
