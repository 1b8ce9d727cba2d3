// MaxPool with any window: overlapping, padded, dilated.
#pragma once

#include <tinycnn/backends/cpu/layers/pool_windows.hpp>
#include <tinycnn/backends/cpu/simd/channel_loop.hpp>
#include <tinycnn/backends/execution.hpp>
#include <tinycnn/core/integer_math.hpp>
#include <tinycnn/layers/max_pool.hpp>

#include <cstdint>
#include <limits>

namespace tinycnn::cpu {

/// The argmax of each channel's window (the tap's row-major index): an int in registers, a byte in memory.
template <class Isa>
struct WindowArgmax {
  [[gnu::always_inline]] static int all(float, int argmax) { return argmax; }
  [[gnu::always_inline]] static IntVector<Isa> all(Vector<Isa>, int argmax) { return IntVector<Isa>{} + argmax; }

  [[gnu::always_inline]] static void store(std::uint8_t* to, int argmax) { *to = std::uint8_t(argmax); }
  [[gnu::always_inline]] static void store(std::uint8_t* to, IntVector<Isa> argmaxes) {
    const ByteVector<Isa> bytes = __builtin_convertvector(argmaxes, ByteVector<Isa>);
    std::memcpy(to, &bytes, sizeof bytes);
  }

  [[gnu::always_inline]] static int load(float, const std::uint8_t* from) { return *from; }
  [[gnu::always_inline]] static IntVector<Isa> load(Vector<Isa>, const std::uint8_t* from) { return widen<Isa>(from); }
};

/// y = the maximum of each window of x, after a deferred affine (with ReLU) if there is one; -inf for a window that
/// covers only padding. The first of equal maxima wins; NaN wins over numbers, the last NaN over others, as in torch's
/// max_pool2d. Saves the argmax, one byte per element of y. equals: reference::MaxPoolOp.
template <class Isa>
struct MaxPool {
  static constexpr std::string_view name = "MaxPool";
  static constexpr const Kind* pattern[] = {&max_pool};
  static constexpr bool accepts_deferred = true, accepts_only_relu = true;
  static constexpr bool fits(const Match& m) {
    const Window k = window_of(m.first());
    return larger(k.rows.kernel, k.columns.kernel) <= CoveringWindows::kernel_limit;
  }
  static constexpr MemoryRequirements requirements(const Match& m) {
    return {.argmax_bytes = m.mode == Mode::inference ? 0 : m.first().out.size()};
  }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const Window k = window_of(l);
    const Dims in = l.in, out = l.out;
    const std::int64_t row_size = std::int64_t(out.w) * out.c;
    std::uint8_t* argmaxes = run.bytes(step.argmax);
    const auto deferred = run.deferred(step.x);
    run.backend->pool().run(run.n * out.h, [&](int task, int) {
      pool_row(k, in, out.w, task % out.h, run.data(step.x) + task / out.h * in.size(), deferred,
               run.data(step.y) + task * row_size, argmaxes == nullptr ? nullptr : argmaxes + task * row_size);
    });
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Layer& l = run.layer(step, 0);
    const Window k = window_of(l);
    const Dims in = l.in, out = l.out;
    const std::uint8_t* argmaxes = run.bytes(step.argmax);
    const float *dy = run.data(step.dy), *add = run.data(step.add_dx);
    run.backend->pool().run(run.n * in.h, [&](int task, int) {
      const std::int64_t row_size = std::int64_t(in.w) * in.c, sample = task / in.h * out.size();
      float* dx = run.data(step.dx) + task * row_size;  // (W,C)
      const float* start = add == nullptr ? nullptr : add + task * row_size;
      if (start == nullptr)
        std::memset(dx, 0, sizeof(float) * std::size_t(row_size));
      else if (start != dx)
        std::memcpy(dx, start, sizeof(float) * std::size_t(row_size));
      scatter_to_row(k, in, out, task % in.h, dy + sample, argmaxes + sample, dx);
    });
  }

 private:
  using Argmax = WindowArgmax<Isa>;

  /// Row p of y (Q,C), and of the argmax unless null, from x (H,W,C).
  static void pool_row(const Window k, const Dims in, int outputs, int p, const float* x,
                       const DeferredAffine<float>& deferred, float* y, std::uint8_t* argmaxes) {
    const IndexRange rows = taps_inside(k.rows, p, in.h);
    const std::int64_t row_step = std::int64_t(k.rows.dilation) * in.w * in.c, column_step = k.columns.dilation * in.c;
    for (int q = 0; q < outputs; ++q) {
      const IndexRange columns = taps_inside(k.columns, q, in.w);
      const std::int64_t corner = corner_of(k, in, p, q);
      const bool any = rows.begin < rows.end && columns.begin < columns.end;
      for_channels<Isa>(in.c, [&]<class V>(V v, int c) {
        const float* from = x + c;
        const auto value = [&](int r, int s) {
          const V stored = load<V>(from + corner + r * row_step + s * column_step);
          if (deferred.scale == nullptr) return stored;
          const V scaled = fma<Isa>(stored, load<V>(deferred.scale + c), load<V>(deferred.shift + c));
          return deferred.activation.relu ? cpu::relu<Isa>(scaled) : scaled;
        };
        V best = any ? value(rows.begin, columns.begin) : V{} - std::numeric_limits<float>::infinity();
        auto argmax = Argmax::all(v, rows.begin * k.columns.kernel + columns.begin);
        for (int r = rows.begin; r < rows.end; ++r)
          for (int s = columns.begin; s < columns.end; ++s) {
            const V here = value(r, s);
            const auto wins = (here > best) | (here != here);
            best = wins ? here : best;
            argmax = wins ? Argmax::all(v, r * k.columns.kernel + s) : argmax;
          }
        store<V>(y + q * in.c + c, best);
        if (argmaxes != nullptr) Argmax::store(argmaxes + q * in.c + c, argmax);
      });
    }
  }

  /// Row h of dx (W,C) += dy of each window whose argmax lies in it, in the order of the windows. dy and argmaxes are
  /// one sample's (P,Q,C).
  static void scatter_to_row(const Window k, const Dims in, const Dims out, int h, const float* dy,
                             const std::uint8_t* argmaxes, float* dx) {
    const CoveringWindows rows(k.rows, h, out.h);
    const WindowAxis& across = k.columns;
    for (int i = 0; i < rows.count; ++i) {
      const int first_tap = rows.tap[i] * across.kernel;
      std::int64_t at = std::int64_t(rows.window[i]) * out.w * out.c;
      for (int q = 0; q < out.w; ++q, at += out.c) {
        const IndexRange columns = taps_inside(across, q, in.w);
        const std::int64_t corner = std::int64_t(q * across.stride - across.padding) * in.c;  // may be outside
        for_channels<Isa>(in.c, [&]<class V>(V v, int c) {
          const V g = load<V>(dy + at + c);
          const auto argmax = Argmax::load(v, argmaxes + at + c);
          for (int s = columns.begin; s < columns.end; ++s) {
            float* to = dx + corner + std::int64_t(s) * across.dilation * in.c + c;
            store<V>(to, load<V>(to) + (argmax == first_tap + s ? g : V{}));
          }
        });
      }
    }
  }
};

}  // namespace tinycnn::cpu
