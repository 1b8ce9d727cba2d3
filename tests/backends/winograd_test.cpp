// Winograd's transforms against the identity that defines them, and its three passes against plain loops in double.
#include <doctest/doctest.h>
#include <tinycnn/backends/cpu/conv/algorithm.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/max_pool.hpp>
#include <tinycnn/backends/cpu/conv/winograd/forward.hpp>
#include <tinycnn/backends/cpu/conv/winograd/weight_gradient.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "../support/aligned_floats.hpp"

namespace {

using namespace tinycnn;
using namespace tinycnn::cpu;
using Isa = Native;
using Maps = WinogradMaps<double>;

double draw(std::uint32_t& seed) {
  seed = seed * 1664525u + 1013904223u;
  return double(seed >> 8) * (2.0 / 16777216.0) - 1.0;
}

template <std::size_t N>
double dot(const double (&a)[N], const double (&b)[N]) {
  double sum = 0;
  for (std::size_t i = 0; i < N; ++i) sum += a[i] * b[i];
  return sum;
}

TEST_CASE("Winograd maps: they compute a one-dimensional convolution, and adjoints are adjoint") {
  std::uint32_t seed = 1;
  double d[6], g[3], m[6], dy[4], v[6], u[6], y[4], dm[6], dg[3];
  for (double& e : d) e = draw(seed);
  for (double& e : g) e = draw(seed);
  for (double& e : dy) e = draw(seed);
  Maps::input(d, v);
  Maps::weights(g, u);
  for (int i = 0; i < 6; ++i) m[i] = v[i] * u[i];
  Maps::output(m, y);
  for (int k = 0; k < 4; ++k)
    CHECK(y[k] == doctest::Approx(d[k] * g[0] + d[k + 1] * g[1] + d[k + 2] * g[2]).epsilon(1e-13));
  Maps::output_adjoint(dy, dm);
  CHECK(dot(y, dy) == doctest::Approx(dot(m, dm)).epsilon(1e-13));
  Maps::weights_adjoint(m, dg);
  CHECK(dot(u, m) == doctest::Approx(dot(g, dg)).epsilon(1e-13));
}

TEST_CASE("Winograd maps: those for two outputs compute the same convolution") {
  std::uint32_t seed = 1;
  double d[4], g[3], m[4], v[4], u[4], y[2];
  for (double& e : d) e = draw(seed);
  for (double& e : g) e = draw(seed);
  Maps::input(d, v);
  Maps::weights(g, u);
  for (int i = 0; i < 4; ++i) m[i] = v[i] * u[i];
  Maps::output(m, y);
  for (int k = 0; k < 2; ++k)
    CHECK(y[k] == doctest::Approx(d[k] * g[0] + d[k + 1] * g[1] + d[k + 2] * g[2]).epsilon(1e-13));
}

TEST_CASE("Winograd maps: all constants of the input and output transforms are exact in float") {
  using F = WinogradMaps<float>;
  CHECK(double(F::a2 * F::b2) == Maps::a2 * Maps::b2);
  CHECK(double(F::a2 + F::b2) == Maps::a2 + Maps::b2);
  CHECK(double(F::a * F::a2) == Maps::a * Maps::a2);
  CHECK(double(F::b * F::b2) == Maps::b * Maps::b2);
}

struct Case {
  const char* what;
  int n, c, h, w, o, padding;
  bool deferred;
};

constexpr Case cases[] = {
    {"one pixel", 1, 16, 1, 1, 16, 1, false},
    {"one tile, fewer samples than a block", 3, 17, 4, 4, 33, 1, true},
    {"odd map", 2, 33, 5, 7, 17, 1, true},
    {"odd map, no padding", 3, 16, 13, 13, 64, 0, true},
    {"odd map, padding 2", 2, 64, 13, 13, 16, 2, true},
    {"several blocks per sample, the last one short", 1, 17, 37, 21, 33, 1, true},
    {"few channels", 2, 3, 9, 6, 5, 1, false},
    {"few pixels, no padding", 2, 16, 3, 3, 16, 0, false},
    {"wide", 1, 16, 6, 90, 16, 1, false},
    {"dw's spectra larger than the caches: staged", 3, 250, 6, 5, 250, 1, true},
    {"staged, several chunks", 520, 245, 3, 3, 250, 0, false},
};

struct Layer3x3 {
  Case test;
  Window window{3, 1, test.padding, 1};
  ConvolutionShape s{{test.c, test.h, test.w, false},
                     {test.o, window.rows.output(test.h), window.columns.output(test.w), false},
                     window,
                     1};
  AlignedFloats x{test.n * s.x.size()}, w{s.weights()}, dy{test.n * s.y.size()}, scale{s.x.c}, shift{s.x.c},
      bias{s.y.c};

  explicit Layer3x3(const Case& t) : test(t) {
    AlignedFloats* all[] = {&x, &w, &dy, &scale, &shift, &bias};
    for (std::uint32_t i = 0; i < 6; ++i) all[i]->fill(i + 1);
  }
  [[nodiscard]] TensorSource<Isa> source() const {
    return {x.data, s.x,
            test.deferred ? DeferredAffine<float>{scale.data, shift.data, {true}} : DeferredAffine<float>{}};
  }
  /// Calls f(pixel of x, tap, pixel of y) for every pixel of x that a pixel of y reads.
  template <class F>
  void pairs(F f) const {
    for (int n = 0; n < test.n; ++n)
      for (int p = 0; p < s.y.h; ++p)
        for (int q = 0; q < s.y.w; ++q)
          for (int t = 0; t < 9; ++t) {
            const int h = p - test.padding + t / 3, v = q - test.padding + t % 3;
            if (h < 0 || h >= s.x.h || v < 0 || v >= s.x.w) continue;
            f((long(n) * s.x.h + h) * s.x.w + v, t, (long(n) * s.y.h + p) * s.y.w + q);
          }
  }
  /// x after its deferred affine.
  [[nodiscard]] std::vector<double> x_values() const {
    std::vector<double> values(std::size_t(x.size));
    for (long i = 0; i < x.size; ++i) {
      const int c = int(i % s.x.c);
      values[std::size_t(i)] =
          test.deferred ? std::fmax(double(scale.data[c]) * x.data[i] + double(shift.data[c]), 0.0) : double(x.data[i]);
    }
    return values;
  }
};

bool same(const AlignedFloats& a, const AlignedFloats& b) {
  return std::memcmp(a.data, b.data, sizeof(float) * std::size_t(a.size)) == 0;
}

TEST_CASE("Winograd: forward, input gradient and weight gradient equal plain loops on any number of threads") {
  for (const Case& test : cases) {
    CAPTURE(test.what);
    const Layer3x3 t(test);
    const ConvolutionShape& s = t.s;
    REQUIRE(winograd_fits(s));
    const int cs = s.x.c, os = s.y.c;
    const std::vector<double> x = t.x_values();
    std::vector<double> y(std::size_t(t.dy.size)), dx(std::size_t(t.x.size)), dw(std::size_t(t.w.size));
    std::vector<double> db(static_cast<std::size_t>(os));
    for (long i = 0; i < t.dy.size; ++i) {
      y[std::size_t(i)] = t.bias.data[i % os];
      db[std::size_t(i % os)] += t.dy.data[i];
    }
    for (long i = 0; i < t.x.size; ++i) dx[std::size_t(i)] = t.x.data[i];  // dx is added to x
    t.pairs([&](long from, int tap, long to) {
      for (int c = 0; c < cs; ++c) {
        const double value = x[std::size_t(from * cs + c)];
        const float* w = t.w.data + (long(tap) * cs + c) * os;
        double* gradient = dw.data() + (long(tap) * cs + c) * os;
        double sum = 0;
        for (int o = 0; o < os; ++o) {
          const double g = t.dy.data[to * os + o];
          y[std::size_t(to * os + o)] += value * double(w[o]);
          gradient[o] += value * g;
          sum += g * double(w[o]);
        }
        dx[std::size_t(from * cs + c)] += sum;
      }
    });
    AlignedFloats packed(winograd_packed_floats<Isa>(s)),
        packed_backward(winograd_packed_input_gradient_floats<Isa>(s));
    AlignedFloats narrow(winograd_packed_floats<Isa>(s, Winograd::narrow)), first_narrow_y(t.dy.size);
    AlignedFloats first_y(t.dy.size), first_dx(t.x.size), first_dw(t.w.size), first_db(os);
    for (const int threads : {1, 2, 5}) {
      CAPTURE(threads);
      ThreadPool pool(threads);
      AlignedFloats got_y(t.dy.size), got_dx(t.x.size), got_dw(t.w.size), got_db(os);
      winograd_pack_forward<Isa>(s, t.w.data, packed.data, pool);
      winograd_pack_input_gradient<Isa>(s, t.w.data, packed_backward.data, pool);
      AlignedFloats a(threads * winograd_scratch_floats<Isa>(s)),
          b(threads * winograd_input_gradient_scratch_floats<Isa>(s)),
          c(threads * winograd_weight_gradient_scratch_floats<Isa>(s)),
          workspace(winograd_weight_gradient_workspace_floats<Isa>(s));
      const StoreEpilogue<Isa> store_y{got_y.data, s.y, t.bias.data};
      winograd_forward<Isa>(s, test.n, t.source(), packed.data, store_y, pool, a.data);
      AlignedFloats narrow_y(t.dy.size), d(threads * winograd_scratch_floats<Isa>(s, 1, Winograd::narrow));
      winograd_pack_forward<Isa>(s, t.w.data, narrow.data, pool, Winograd::narrow);
      const StoreEpilogue<Isa> store_narrow{narrow_y.data, s.y, t.bias.data};
      winograd_forward<Isa>(s, test.n, t.source(), narrow.data, store_narrow, pool, d.data, Winograd::narrow);
      const StoreEpilogue<Isa> store_dx{got_dx.data, s.x, nullptr, t.x.data};
      const TensorSource<Isa> dy{t.dy.data, s.y};
      winograd_input_gradient<Isa>(s, test.n, dy, packed_backward.data, store_dx, pool, b.data);
      winograd_weight_gradient<Isa>(s, test.n, t.source(), dy, got_dw.data, got_db.data, pool, c.data, workspace.data);
      if (threads == 1) {
        check_close(got_y, y, 2e-5);
        check_close(narrow_y, y, 2e-5);
        std::memcpy(first_narrow_y.data, narrow_y.data, sizeof(float) * std::size_t(t.dy.size));
        check_close(got_dx, dx, 2e-5);
        check_close(got_dw, dw, 2e-5);
        check_close(got_db, db, 2e-5);
        std::memcpy(first_y.data, got_y.data, sizeof(float) * std::size_t(t.dy.size));
        std::memcpy(first_dx.data, got_dx.data, sizeof(float) * std::size_t(t.x.size));
        std::memcpy(first_dw.data, got_dw.data, sizeof(float) * std::size_t(t.w.size));
        std::memcpy(first_db.data, got_db.data, sizeof(float) * std::size_t(os));
      }
      CHECK(same(first_y, got_y));
      CHECK(same(first_narrow_y, narrow_y));
      CHECK(same(first_dx, got_dx));
      CHECK(same(first_dw, got_dw));
      CHECK(same(first_db, got_db));
    }
  }
}

TEST_CASE("Winograd: no samples give a zero weight gradient") {
  const Layer3x3 t({"", 1, 16, 5, 5, 17, 1, false});
  ThreadPool pool(2);
  AlignedFloats scratch(2 * winograd_weight_gradient_scratch_floats<Isa>(t.s)),
      workspace(winograd_weight_gradient_workspace_floats<Isa>(t.s));
  AlignedFloats dw(t.w.size), db(t.s.y.c);
  winograd_weight_gradient<Isa>(t.s, 0, t.source(), TensorSource<Isa>{t.dy.data, t.s.y}, dw.data, db.data, pool,
                                scratch.data, workspace.data);
  for (long i = 0; i < dw.size; ++i) CHECK(dw.data[i] == 0.0f);
  for (long i = 0; i < db.size; ++i) CHECK(db.data[i] == 0.0f);
}

/// The epilogues' arithmetic is tested with the direct convolution; this checks that they get every output tile, with
/// the right indices.
void check_pooling(const Layer3x3& t, int k) {
  CAPTURE(t.test.what);
  CAPTURE(k);
  const ConvolutionShape& s = t.s;
  const int n = t.test.n, os = s.y.c, rows = s.y.h / k, columns = s.y.w / k, blocks = winograd_blocks(s, n, k);
  const long pooled_size = long(n) * rows * columns * os;
  ThreadPool pool(2);
  AlignedFloats packed(winograd_packed_floats<Isa>(s)), scratch(2 * winograd_scratch_floats<Isa>(s, k));
  AlignedFloats plain_scratch(2 * winograd_scratch_floats<Isa>(s));
  AlignedFloats y(t.dy.size), plain(t.dy.size), pooled(pooled_size), gamma(os);
  gamma.fill(9);
  std::vector<std::uint8_t> argmax(std::size_t(pooled_size), 255);
  std::vector<double> sums(2 * std::size_t(blocks) * std::size_t(os), 1e300);
  winograd_pack_forward<Isa>(s, t.w.data, packed.data, pool);
  const StatisticsPoolEpilogue<Isa> fused{y.data,      s.y,         t.bias.data,   gamma.data,
                                          sums.data(), pooled.data, argmax.data(), k};
  winograd_forward<Isa>(s, n, t.source(), packed.data, fused, pool, scratch.data);
  const StoreEpilogue<Isa> store{plain.data, s.y, t.bias.data};
  winograd_forward<Isa>(s, n, t.source(), packed.data, store, pool, plain_scratch.data);
  CHECK(same(plain, y));
  int wrong = 0;
  for (long i = 0; i < pooled_size; ++i) {
    const long o = i % os, q = i / os % columns, p = i / os / columns % rows, sample = i / os / columns / rows;
    float best = 0;
    for (int j = 0; j < k * k; ++j) {
      const float v = y.data[((sample * s.y.h + p * k + j / k) * s.y.w + q * k + j % k) * os + o];
      if (j == 0 || (gamma.data[o] > 0 ? v > best : v < best)) best = v;
    }
    wrong += best != pooled.data[i];
  }
  CHECK(wrong == 0);
  for (int o = 0; o < os; ++o) {
    double expected[2] = {0, 0}, got[2] = {0, 0};
    for (long i = o; i < y.size; i += os) {
      expected[0] += double(y.data[i]);
      expected[1] += double(y.data[i]) * double(y.data[i]);
    }
    for (int b = 0; b < blocks; ++b)
      for (int m = 0; m < 2; ++m) got[m] += sums[std::size_t((2 * b + m) * os + o)];
    CHECK(std::abs(got[1] - expected[1]) <= 2e-6 * expected[1]);
    CHECK(std::abs(got[0] - expected[0]) <= 2e-6 * std::sqrt(expected[1] * double(y.size / os)));
  }
}

TEST_CASE("Winograd: statistics and pooling see every pixel once") {
  check_pooling(Layer3x3({"odd extents", 3, 16, 9, 7, 33, 1, true}), 2);
  check_pooling(Layer3x3({"blocks of 3 x 3 windows", 2, 16, 40, 33, 64, 1, false}), 3);
  check_pooling(Layer3x3({"several samples per block", 5, 16, 4, 4, 40, 1, false}), 2);
}

TEST_CASE("the algorithm follows from the shape: Winograd where it saves a third of the products") {
  const auto of = [](int c, int size, int o, Window k, int groups) {
    return choose_algorithm(
        {{c, size, size, false}, {o, k.rows.output(size), k.columns.output(size), false}, k, groups});
  };
  CHECK(of(64, 64, 128, {3, 1, 1, 1}, 1) == Algorithm::winograd);
  CHECK(of(512, 8, 512, {3, 1, 1, 1}, 1) == Algorithm::winograd);
  CHECK(of(16, 5, 16, {3, 1, 1, 1}, 1) == Algorithm::winograd);
  CHECK(of(3, 128, 64, {3, 1, 1, 1}, 1) == Algorithm::direct);
  CHECK(of(64, 2, 64, {3, 1, 1, 1}, 1) == Algorithm::direct);
  CHECK(of(64, 64, 64, {3, 2, 1, 1}, 1) == Algorithm::direct);
  CHECK(of(64, 64, 64, {3, 1, 2, 2}, 1) == Algorithm::direct);
  CHECK(of(64, 64, 64, {3, 1, 3, 1}, 1) == Algorithm::direct);
  CHECK(of(64, 64, 64, {5, 1, 2, 1}, 1) == Algorithm::direct);
  CHECK(of(64, 64, 64, {3, 1, 1, 1}, 2) == Algorithm::direct);
}

TEST_CASE("the algorithm of inference follows from shape and capacity: the fewest register tiles") {
  const auto of = [](int size, long capacity) {
    const Window k{3, 1, 1, 1};
    return choose_inference_algorithm<Avx512>({{512, size, size, false}, {512, size, size, false}, k, 1}, capacity);
  };
  CHECK(of(4, 1) == Algorithm::direct);    // 18 register tiles, not 24 or 36
  CHECK(of(4, 2) == Algorithm::narrow);    // 24, not 36
  CHECK(of(8, 1) == Algorithm::narrow);    // 24, not 36 or 72
  CHECK(of(8, 2) == Algorithm::winograd);  // 36, not 48
  CHECK(of(16, 1) == Algorithm::winograd);
  CHECK(of(4, 64) == Algorithm::winograd);
  CHECK(choose_inference_algorithm<Avx512>({{3, 4, 4, false}, {64, 4, 4, false}, {3, 1, 1, 1}, 1}, 1) ==
        Algorithm::direct);
}

}  // namespace
