// MaxPool with any window: overlapping, padded, dilated.
#pragma once

#include <tinycnn/backends/cpu/channels.hpp>
#include <tinycnn/backends/cpu/pool_windows.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/layers/max_pool.hpp>

#include <limits>

namespace tinycnn::cpu {

/// The place of each channel's maximum in its window, row by row: an int in registers, a byte in memory.
template <class Isa>
struct WindowPlaces {
  [[gnu::always_inline]] static int all(float, int place) { return place; }
  [[gnu::always_inline]] static IntVector<Isa> all(Vector<Isa>, int place) { return IntVector<Isa>{} + place; }

  [[gnu::always_inline]] static void put(std::uint8_t* to, int place) { *to = std::uint8_t(place); }
  [[gnu::always_inline]] static void put(std::uint8_t* to, IntVector<Isa> places) {
    const ByteVector<Isa> bytes = __builtin_convertvector(places, ByteVector<Isa>);
    std::memcpy(to, &bytes, sizeof bytes);
  }

  [[gnu::always_inline]] static int get(float, const std::uint8_t* from) { return *from; }
  [[gnu::always_inline]] static IntVector<Isa> get(Vector<Isa>, const std::uint8_t* from) { return widen<Isa>(from); }
};

/// y = the largest of each window of relu(scale x + shift), where that is still due; -inf where it holds padding only.
/// Ties keep the first; NaN wins, and the last NaN is the one kept, as torch's max_pool2d. Keeps one byte an element of
/// y. equals: reference::MaxPoolRow.
template <class Isa>
struct MaxPool {
  static constexpr std::string_view name = "MaxPool";
  static constexpr const Kind* pattern[] = {&max_pool};
  static constexpr bool absorbs = true;
  static constexpr bool fits(const Match& m) { return m.first().options.window.kernel <= HoldingWindows::kernel_limit; }
  static constexpr Needs needs(const Match& m) {
    return {.index_bytes = m.mode == Mode::inference ? 0 : m.first().out.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const Dims in = l.in, out = l.out;
    const long row_size = long(out.w) * out.c;
    std::uint8_t* places = run.bytes(step.index);
    const auto pending = run.pending(step.x);
    run.backend->pool().run(run.n * out.h, [&](int unit, int) {
      take_row(l.options.window, in, out.w, unit % out.h, run.data(step.x) + unit / out.h * in.size(), pending,
               run.data(step.y) + unit * row_size, places == nullptr ? nullptr : places + unit * row_size);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const Dims in = l.in, out = l.out;
    const std::uint8_t* places = run.bytes(step.index);
    const float *dy = run.data(step.dy), *held = run.data(step.add_dx);
    run.backend->pool().run(run.n * in.h, [&](int unit, int) {
      const long row_size = long(in.w) * in.c, sample = unit / in.h * out.size();
      float* dx = run.data(step.dx) + unit * row_size;  // (W,C)
      const float* start = held == nullptr ? nullptr : held + unit * row_size;
      if (start == nullptr)
        std::memset(dx, 0, sizeof(float) * std::size_t(row_size));
      else if (start != dx)
        std::memcpy(dx, start, sizeof(float) * std::size_t(row_size));
      give_row(l.options.window, in, out, unit % in.h, dy + sample, places + sample, dx);
    });
  }

 private:
  using Places = WindowPlaces<Isa>;

  /// Row p of y (Q,C), and of the places where they are kept, from x (H,W,C).
  static void take_row(const Window k, const Dims in, int outputs, int p, const float* x,
                       const PendingForm<float>& pending, float* y, std::uint8_t* places) {
    const IndexRange rows = taps_inside(k, p, in.h);
    for (int q = 0; q < outputs; ++q) {
      const IndexRange columns = taps_inside(k, q, in.w);
      const long corner = (long(p * k.stride - k.padding) * in.w + q * k.stride - k.padding) * in.c;  // may be outside
      const bool any = rows.first < rows.end && columns.first < columns.end;
      for_channels<Isa>(in.c, [&]<class V>(V v, int c) {
        const float* from = x + c;
        const auto value = [&](int r, int s) {
          const V stored = get<V>(from + corner + (long(r) * in.w + s) * k.dilation * in.c);
          if (pending.scale == nullptr) return stored;
          const V scaled = fma<Isa>(stored, get<V>(pending.scale + c), get<V>(pending.shift + c));
          return pending.relu ? cpu::relu<Isa>(scaled) : scaled;
        };
        V best = any ? value(rows.first, columns.first) : V{} - std::numeric_limits<float>::infinity();
        auto place = Places::all(v, rows.first * k.kernel + columns.first);
        for (int r = rows.first; r < rows.end; ++r)
          for (int s = columns.first; s < columns.end; ++s) {
            const V here = value(r, s);
            const auto wins = (here > best) | (here != here);
            best = wins ? here : best;
            place = wins ? Places::all(v, r * k.kernel + s) : place;
          }
        put<V>(y + q * in.c + c, best);
        if (places != nullptr) Places::put(places + q * in.c + c, place);
      });
    }
  }

  /// Adds to row h of dx (W,C) what each window that holds it has for it, in the order of the windows; dy and places
  /// are one sample's (P,Q,C).
  static void give_row(const Window k, const Dims in, const Dims out, int h, const float* dy,
                       const std::uint8_t* places, float* dx) {
    const HoldingWindows rows(k, h, out.h);
    for (int i = 0; i < rows.count; ++i) {
      const int first_place = rows.tap[i] * k.kernel;
      long at = long(rows.window[i]) * out.w * out.c;
      for (int q = 0; q < out.w; ++q, at += out.c) {
        const IndexRange columns = taps_inside(k, q, in.w);
        const long corner = long(q * k.stride - k.padding) * in.c;  // may be outside
        for_channels<Isa>(in.c, [&]<class V>(V v, int c) {
          const V g = get<V>(dy + at + c);
          const auto place = Places::get(v, places + at + c);
          for (int s = columns.first; s < columns.end; ++s) {
            float* to = dx + corner + long(s) * k.dilation * in.c + c;
            put<V>(to, get<V>(to) + (place == first_place + s ? g : V{}));
          }
        });
      }
    }
  }
};

}  // namespace tinycnn::cpu
