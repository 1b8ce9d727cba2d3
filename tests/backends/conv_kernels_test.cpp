// The Cpu backend's convolution kernels against plain loops in double, written here from the equations. One long file,
// so that the kernels are compiled once.
#include <doctest/doctest.h>
#include <tinycnn/backends/cpu/conv/depthwise/forward.hpp>
#include <tinycnn/backends/cpu/conv/depthwise/weight_gradient.hpp>
#include <tinycnn/backends/cpu/conv/direct/forward.hpp>
#include <tinycnn/backends/cpu/conv/direct/input_gradient.hpp>
#include <tinycnn/backends/cpu/conv/direct/weight_gradient.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/max_pool.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "../support/aligned_floats.hpp"

namespace {

using namespace tinycnn;
using namespace tinycnn::cpu;
using Isa = Native;

struct Case {
  const char* what;
  int n, c, h, w, o;
  Window window;
  int groups;
  bool deferred;
};

constexpr Case cases[] = {
    {"one pixel", 1, 1, 1, 1, 1, {1, 1, 0, 1}, 1, false},
    {"pointwise, prime sizes", 3, 17, 7, 5, 33, {1, 1, 0, 1}, 1, true},
    {"pointwise, in place, several samples per block", 5, 48, 6, 7, 40, {1, 1, 0, 1}, 1, false},
    {"pointwise, in place, several blocks per sample, groups", 3, 32, 34, 21, 48, {1, 1, 0, 1}, 2, false},
    {"pointwise, pixels 4 KB apart", 3, 1024, 3, 4, 35, {1, 1, 0, 1}, 1, false},
    {"pointwise, several blocks of inputs and outputs", 2, 270, 9, 15, 290, {1, 1, 0, 1}, 1, true},
    {"first layer", 2, 3, 13, 17, 11, {3, 1, 1, 1}, 1, false},
    {"3x3", 5, 13, 7, 7, 40, {3, 1, 1, 1}, 1, true},
    {"3x3, several blocks per sample", 1, 8, 33, 40, 64, {3, 1, 1, 1}, 1, true},
    {"deep and small", 5, 67, 4, 4, 37, {3, 1, 1, 1}, 1, true},
    {"many inputs: depth in chunks, several blocks of weights", 1, 300, 5, 6, 160, {3, 1, 1, 1}, 1, false},
    {"padded pitch", 1, 512, 5, 5, 5, {3, 2, 1, 1}, 1, false},
    {"stride 2", 2, 5, 15, 13, 11, {3, 2, 1, 1}, 1, true},
    {"7x7, stride 2, padding 3", 1, 3, 23, 19, 16, {7, 2, 3, 1}, 1, false},
    {"stride 3 beyond the kernel", 3, 4, 11, 10, 7, {2, 3, 0, 1}, 1, false},
    {"1x1, stride 2: pixels no window covers", 2, 6, 9, 8, 5, {1, 2, 0, 1}, 1, false},
    {"1x1, stride 3, deferred, several blocks per sample", 2, 40, 52, 50, 35, {1, 3, 0, 1}, 1, true},
    {"1x1, stride 2, padding", 2, 6, 9, 8, 5, {1, 2, 1, 1}, 1, false},
    {"padding beyond the kernel", 2, 4, 5, 3, 6, {2, 1, 3, 1}, 1, true},
    {"dilation 2", 2, 7, 11, 9, 10, {3, 1, 2, 2}, 1, true},
    {"dilation 2, stride 2", 2, 5, 12, 11, 9, {3, 2, 1, 2}, 1, false},
    {"dilation 2, stride 3", 1, 5, 14, 11, 9, {3, 3, 2, 2}, 1, false},
    {"two groups", 3, 10, 8, 6, 14, {3, 1, 1, 1}, 2, true},
    {"two groups, stride 2", 3, 34, 8, 7, 66, {3, 2, 1, 1}, 2, false},
    {"depthwise", 2, 9, 7, 8, 9, {3, 1, 1, 1}, 9, true},
    {"two outputs per channel", 2, 6, 7, 8, 12, {3, 2, 1, 1}, 6, false},
    {"depthwise, several blocks per sample, many channels", 1, 300, 41, 5, 300, {3, 1, 1, 1}, 300, false},
    {"depthwise, stride 2", 3, 37, 15, 18, 37, {3, 2, 1, 1}, 37, true},
    {"depthwise, stride 2, 5x5", 2, 64, 11, 40, 64, {5, 2, 2, 1}, 64, false},
    {"depthwise, dilation 2, stride 3", 2, 33, 14, 11, 33, {3, 3, 2, 2}, 33, false},
    {"depthwise, 9x9: taps in several register tiles", 1, 16, 12, 10, 16, {9, 1, 4, 1}, 16, true},
    {"depthwise, stride beyond the kernel, no padding", 2, 20, 9, 10, 20, {1, 2, 0, 1}, 20, false},
    {"depthwise, padding beyond the kernel", 2, 5, 4, 3, 5, {2, 1, 3, 1}, 5, true},
    {"depthwise, wide: rows read in place", 2, 48, 37, 43, 48, {3, 1, 1, 1}, 48, false},
    {"depthwise, row pairs, no padding, several output tiles", 2, 48, 12, 70, 48, {3, 1, 0, 1}, 48, false},
    {"depthwise, row pairs, padding of one, an odd row", 3, 64, 13, 14, 64, {3, 1, 1, 1}, 64, false},
    {"depthwise, one row and column", 2, 16, 1, 1, 16, {3, 1, 1, 1}, 16, false},
    {"depthwise, padding of two", 2, 32, 6, 21, 32, {3, 1, 2, 1}, 32, false},
    {"depthwise, wide, deferred", 1, 48, 9, 43, 48, {3, 1, 1, 1}, 48, true},
    {"depthwise, wide, stride 2", 2, 32, 11, 69, 32, {3, 2, 1, 1}, 32, false},
    {"depthwise, wide, dilation 2", 1, 16, 9, 70, 16, {3, 1, 2, 2}, 16, false},
    {"depthwise, wide, dilation 2, stride 3", 1, 64, 14, 200, 64, {3, 3, 2, 2}, 64, false},
    {"depthwise, wide, padding beyond the kernel", 1, 16, 4, 120, 16, {2, 1, 3, 1}, 16, false},
    // Along rows, then along columns: kernel, stride, padding, dilation, padding at the end.
    {"3x5, stride 2x1", 3, 13, 9, 17, 40, {{3, 2, 1, 1, 1}, {5, 1, 2, 1, 2}}, 1, true},
    {"1x7, several blocks per sample", 1, 20, 33, 40, 64, {{1, 1, 0, 1, 0}, {7, 1, 3, 1, 3}}, 1, true},
    {"7x1, stride 1x3", 2, 9, 21, 14, 18, {{7, 1, 3, 1, 3}, {1, 3, 0, 1, 0}}, 1, false},
    {"1x1, stride 3x1: pixels no window covers", 2, 34, 10, 9, 12, {{1, 3, 0, 1, 0}, {1, 1, 0, 1, 0}}, 2, false},
    {"1x1, stride 1x2, deferred", 2, 34, 10, 9, 12, {{1, 1, 0, 1, 0}, {1, 2, 0, 1, 0}}, 1, true},
    {"3x3, padding 0x2", 2, 4, 6, 7, 12, {{3, 1, 0, 1, 0}, {3, 1, 2, 1, 2}}, 1, false},
    {"4x4, padded more at the end", 3, 17, 8, 9, 33, {{4, 1, 1, 1, 2}, {4, 1, 1, 1, 2}}, 1, true},
    {"3x3, stride 2, padded at the end", 2, 5, 12, 11, 9, {{3, 2, 0, 1, 1}, {3, 2, 0, 1, 1}}, 1, false},
    {"2x3, dilation 3x2, stride 2x3, groups", 2, 12, 13, 14, 21, {{2, 2, 1, 3, 2}, {3, 3, 2, 2, 2}}, 3, true},
    {"depthwise, 3x5", 2, 33, 7, 9, 33, {{3, 1, 1, 1, 1}, {5, 2, 2, 1, 2}}, 33, true},
    {"depthwise, stride 2, padded at the end", 2, 48, 12, 40, 48, {{3, 2, 0, 1, 1}, {3, 2, 0, 1, 1}}, 48, false},
    {"depthwise, 5x5, stride 2, more padding at the end",
     2,
     64,
     12,
     40,
     64,
     {{5, 2, 1, 1, 2}, {5, 2, 1, 1, 2}},
     64,
     true},
    {"depthwise, row pairs, padded at the end", 2, 48, 12, 70, 48, {{3, 1, 0, 1, 2}, {3, 1, 0, 1, 2}}, 48, false},
    {"depthwise, row pairs, more padding at the end", 2, 48, 9, 70, 48, {{3, 1, 1, 1, 2}, {3, 1, 1, 1, 2}}, 48, false},
};

ConvolutionShape shape_of(const Case& t) {
  return {{t.c, t.h, t.w, false}, t.window.output(t.o, {t.c, t.h, t.w, false}), t.window, t.groups};
}

struct Convolution {
  Case test;
  ConvolutionShape s = shape_of(test);
  AlignedFloats x{test.n * s.x.size()}, w{s.weights()}, dy{test.n * s.y.size()}, scale{s.x.c}, shift{s.x.c},
      bias{s.y.c}, gamma{s.y.c};

  explicit Convolution(const Case& t) : test(t) {
    AlignedFloats* all[] = {&x, &w, &dy, &scale, &shift, &bias, &gamma};
    for (std::uint32_t i = 0; i < 7; ++i) all[i]->fill(i + 1);
    for (int o = 0; o < s.y.c; o += 5) gamma.data[o] = 0;
  }
  [[nodiscard]] TensorSource<Isa> source() const {
    return {x.data, s.x,
            test.deferred ? DeferredAffine<float>{scale.data, shift.data, {true}} : DeferredAffine<float>{}};
  }
  /// Calls f(x index, w index, y index, value of x) for every product of the convolution.
  template <class F>
  void products(F f) const {
    const int cg = s.group_inputs(), og = s.group_outputs(), columns = s.window.columns.kernel;
    const auto pixel_of = [](const WindowAxis& k, int at, int tap) {
      return at * k.stride - k.padding + tap * k.dilation;
    };
    for (long i = 0; i < test.n * s.y.size(); ++i) {
      const int o = int(i % s.y.c), q = int(i / s.y.c % s.y.w), p = int(i / s.y.c / s.y.w % s.y.h);
      const long n = i / s.y.size();
      for (int t = 0; t < s.taps() * cg; ++t) {
        const int h = pixel_of(s.window.rows, p, t / cg / columns);
        const int v = pixel_of(s.window.columns, q, t / cg % columns);
        if (h < 0 || h >= s.x.h || v < 0 || v >= s.x.w) continue;
        const int c = o / og * cg + t % cg;
        const long at = ((n * s.x.h + h) * s.x.w + v) * s.x.c + c;
        double value = x.data[at];
        if (test.deferred) value = std::fmax(double(scale.data[c]) * value + double(shift.data[c]), 0.0);
        f(at, long(t) * s.y.c + o, i, value);
      }
    }
  }
};

/// The results of the three passes; dx is added to x.
struct Passes {
  explicit Passes(const Convolution& t) : y(t.dy.size), dx(t.x.size), dw(t.w.size), db(t.s.y.c) {}
  AlignedFloats y, dx, dw, db;
};

void run_direct(const Convolution& t, ThreadPool& pool, Passes& to) {
  const ConvolutionShape& s = t.s;
  const int n = t.test.n, threads = pool.size();
  AlignedFloats packed(direct_packed_floats<Isa>(s)), packed_backward(direct_packed_input_gradient_floats<Isa>(s));
  AlignedFloats a(threads * direct_scratch_floats<Isa>(s)), b(threads * direct_input_gradient_scratch_floats<Isa>(s)),
      c(threads * direct_weight_gradient_scratch_floats<Isa>(s)),
      workspace(direct_weight_gradient_workspace_floats<Isa>(s));
  const TensorSource<Isa> dy{t.dy.data, s.y};
  direct_pack_forward<Isa>(s, t.w.data, packed.data, pool);
  direct_forward<Isa>(s, n, t.source(), packed.data, StoreEpilogue<Isa>{to.y.data, s.y, t.bias.data}, pool, a.data);
  direct_pack_input_gradient<Isa>(s, t.w.data, packed_backward.data, pool);
  direct_input_gradient<Isa>(s, n, dy, packed_backward.data, StoreEpilogue<Isa>{to.dx.data, s.x, nullptr, t.x.data},
                             pool, b.data);
  direct_weight_gradient<Isa>(s, n, t.source(), dy, to.dw.data, to.db.data, pool, c.data, workspace.data);
}

void run_depthwise(const Convolution& t, ThreadPool& pool, Passes& to) {
  const ConvolutionShape& s = t.s;
  const int n = t.test.n, threads = pool.size();
  const ConvolutionGeometry forward = forward_geometry(s), backward = input_gradient_geometry(s);
  AlignedFloats packed(depthwise_packed_floats<Isa>(s)), a(threads * depthwise_scratch_floats<Isa>(forward)),
      b(threads * depthwise_scratch_floats<Isa>(backward)),
      c(threads * depthwise_weight_gradient_scratch_floats<Isa>(s)),
      workspace(depthwise_weight_gradient_workspace_floats(s));
  const TensorSource<Isa> dy{t.dy.data, s.y};
  depthwise_pack<Isa>(s, t.w.data, false, packed.data);
  run_depthwise_tiled<Isa>(forward, n, t.source(), packed.data, StoreEpilogue<Isa>{to.y.data, s.y, t.bias.data}, pool,
                           a.data);
  depthwise_pack<Isa>(s, t.w.data, true, packed.data);
  run_depthwise_tiled<Isa>(backward, n, dy, packed.data, StoreEpilogue<Isa>{to.dx.data, s.x, nullptr, t.x.data}, pool,
                           b.data);
  depthwise_weight_gradient<Isa>(s, n, t.source(), dy, to.dw.data, to.db.data, pool, c.data, workspace.data);
}

/// Checks the error bounds that the kernels' files state, and the same bits on any number of threads.
void check_passes(const Convolution& t, void (*run)(const Convolution&, ThreadPool&, Passes&)) {
  const std::size_t xs = std::size_t(t.x.size), ws = std::size_t(t.w.size), ys = std::size_t(t.dy.size);
  const std::size_t channels = std::size_t(t.s.y.c);
  std::vector<double> y(ys), dx(t.x.data, t.x.data + xs), dw(ws), db(channels);
  for (std::size_t i = 0; i < ys; ++i) {
    y[i] = t.bias.data[i % channels];
    db[i % channels] += t.dy.data[i];
  }
  t.products([&](long xi, long wi, long yi, double value) {
    y[std::size_t(yi)] += value * t.w.data[wi];
    dx[std::size_t(xi)] += double(t.dy.data[yi]) * t.w.data[wi];
    dw[std::size_t(wi)] += double(t.dy.data[yi]) * value;
  });
  Passes first(t);
  ThreadPool alone(1);
  run(t, alone, first);
  check_close(first.y.data, y, 5e-6);
  check_close(first.dx.data, dx, 5e-6);
  check_close(first.dw.data, dw, 2e-5);
  check_close(first.db.data, db, 2e-5);
  for (const int threads : {2, 5}) {
    ThreadPool pool(threads);
    Passes got(t);
    run(t, pool, got);
    CHECK(std::memcmp(first.y.data, got.y.data, sizeof(float) * ys) == 0);
    CHECK(std::memcmp(first.dx.data, got.dx.data, sizeof(float) * xs) == 0);
    CHECK(std::memcmp(first.dw.data, got.dw.data, sizeof(float) * ws) == 0);
    CHECK(std::memcmp(first.db.data, got.db.data, sizeof(float) * channels) == 0);
  }
}

TEST_CASE("convolution: forward, input gradient and weight gradient equal plain loops on any number of threads") {
  for (const Case& test : cases) {
    CAPTURE(test.what);
    const Convolution t(test);
    check_passes(t, run_direct);
    if (is_depthwise(t.s)) check_passes(t, run_depthwise);
  }
}

/// Checks the fused pooling epilogues against pooling the stored result: the same arithmetic, so the same bits.
void check_pooling(const Convolution& t, int k, const std::string& what) {
  CAPTURE(what);
  const ConvolutionShape& s = t.s;
  const int n = t.test.n, o_count = s.y.c, rows = s.y.h / k, columns = s.y.w / k;
  const long pooled_size = long(n) * rows * columns * o_count;
  const int blocks = direct_blocks(s, n, k);
  ThreadPool pool(2);
  AlignedFloats packed(direct_packed_floats<Isa>(s)), scratch(2 * direct_scratch_floats<Isa>(s, k));
  AlignedFloats y(t.dy.size), pooled(pooled_size), folded(pooled_size), plain(t.dy.size);
  std::vector<std::uint8_t> argmax(std::size_t(pooled_size), 255);
  std::vector<double> sums(2 * std::size_t(blocks) * std::size_t(o_count), 1e300);
  std::vector<double> plain_sums(2 * std::size_t(direct_blocks(s, n)) * std::size_t(o_count), 1e300);
  direct_pack_forward<Isa>(s, t.w.data, packed.data, pool);
  StatisticsPoolEpilogue<Isa> fused{y.data, s.y, t.bias.data, t.gamma.data, sums.data(), pooled.data, argmax.data(), k};
  fused.past_caches = o_count % NR<Isa> == 0;
  direct_forward<Isa>(s, n, t.source(), packed.data, fused, pool, scratch.data);
  const StatisticsEpilogue<Isa> unfused{plain.data, s.y, t.bias.data, plain_sums.data()};
  direct_forward<Isa>(s, n, t.source(), packed.data, unfused, pool, scratch.data);
  CHECK(std::memcmp(plain.data, y.data, sizeof(float) * std::size_t(y.size)) == 0);
  const PoolEpilogue<Isa> inference{folded.data, s.y, t.bias.data, k};
  direct_forward<Isa>(s, n, t.source(), packed.data, inference, pool, scratch.data);

  int wrong = 0;
  for (long i = 0; i < pooled_size; ++i) {
    const long o = i % o_count, q = i / o_count % columns, p = i / o_count / columns % rows;
    const long sample = i / o_count / columns / rows;
    const float gamma = t.gamma.data[o];
    float best = 0, largest = 0;
    int largest_tap = 0;
    for (int j = 0; j < k * k; ++j) {
      const float v = y.data[((sample * s.y.h + p * k + j / k) * s.y.w + q * k + j % k) * o_count + o];
      if (j == 0) best = largest = v;
      if (v > largest || v != v) largest = v;
      if ((gamma > 0 && v > best) || (gamma < 0 && v < best) || (gamma != 0 && v != v)) best = v, largest_tap = j;
    }
    const float clipped = largest < 0 ? 0 : largest;
    wrong += std::memcmp(&best, pooled.data + i, sizeof best) != 0 || argmax[std::size_t(i)] != largest_tap;
    wrong += !(clipped == folded.data[i] || (clipped != clipped && folded.data[i] != folded.data[i]));
  }
  CHECK(wrong == 0);

  for (int o = 0; o < o_count; ++o) {
    double sum = 0, square = 0, got[2] = {0, 0}, got_plain[2] = {0, 0};
    for (long i = o; i < y.size; i += o_count) {
      sum += y.data[i];
      square += double(y.data[i]) * y.data[i];
    }
    for (int m = 0; m < 2; ++m) {
      for (int b = 0; b < blocks; ++b) got[m] += sums[std::size_t((2 * b + m) * o_count + o)];
      for (int b = 0; b < direct_blocks(s, n); ++b) got_plain[m] += plain_sums[std::size_t((2 * b + m) * o_count + o)];
    }
    if (square != square) continue;
    CHECK(std::abs(got[1] - square) <= 2e-6 * square);
    CHECK(std::abs(got_plain[1] - square) <= 2e-6 * square);
    const double scale = std::sqrt(square * double(y.size / o_count));
    CHECK(std::abs(got[0] - sum) <= 2e-6 * scale);
    CHECK(std::abs(got_plain[0] - sum) <= 2e-6 * scale);
  }
}

TEST_CASE("convolution: fused statistics and pooling equal pooling the stored result; ties and NaN as torch") {
  check_pooling(Convolution({"", 3, 5, 9, 7, 33, {3, 1, 1, 1}, 1, true}), 2, "odd extents leave a row and a column");
  check_pooling(Convolution({"", 2, 4, 40, 33, 64, {3, 1, 1, 1}, 1, false}), 3, "blocks of 3 x 3 windows");
  check_pooling(Convolution({"", 5, 4, 4, 4, 64, {3, 1, 1, 1}, 1, false}), 2, "several samples per block");
  Convolution flat({"", 2, 4, 8, 8, 20, {3, 1, 1, 1}, 1, false});
  for (long i = 0; i < flat.x.size; ++i) flat.x.data[i] = 1;  // every inner window is a tie
  check_pooling(flat, 2, "ties");
  flat.x.data[40] = std::numeric_limits<float>::quiet_NaN();
  check_pooling(flat, 2, "NaN");
}

TEST_CASE("ReLU after the bias, and deferred ReLU without scale, keep NaN") {
  const Convolution t({"", 1, 3, 5, 5, 9, {1, 1, 0, 1}, 1, false});
  t.x.data[0] = std::numeric_limits<float>::quiet_NaN();
  ThreadPool pool(1);
  AlignedFloats packed(direct_packed_floats<Isa>(t.s)), scratch(direct_scratch_floats<Isa>(t.s)), y(t.dy.size);
  direct_pack_forward<Isa>(t.s, t.w.data, packed.data, pool);
  StoreEpilogue<Isa> epilogue{y.data, t.s.y, t.bias.data};
  epilogue.activation.relu = true;
  direct_forward<Isa>(t.s, 1, TensorSource<Isa>{t.x.data, t.s.x, {nullptr, nullptr, {true}}}, packed.data, epilogue,
                      pool, scratch.data);
  for (int o = 0; o < 9; ++o) CHECK(y.data[o] != y.data[o]);
  for (int i = 9; i < y.size; ++i) CHECK(y.data[i] >= 0);
}

}  // namespace
