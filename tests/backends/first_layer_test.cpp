// The first layer's kernels, which do not read the convolution's output, against plain loops in double.
#include <doctest/doctest.h>
#include <tinycnn/backends/cpu/conv/first_layer/pooled_weight_gradient.hpp>

#include <cstring>

#include "../support/aligned_floats.hpp"

namespace {

using namespace tinycnn;
using namespace tinycnn::cpu;

struct Case {
  const char* what;
  int n, c, h, w, o, padding;
};

constexpr Case cases[] = {
    {"the smallest", 1, 1, 2, 2, 1, 1},
    {"no padding", 2, 3, 6, 5, 7, 0},
    {"odd sizes", 3, 3, 13, 17, 33, 1},
    {"padding 2, four channels", 2, 4, 5, 19, 16, 2},
    {"several chunks of windows and of rows", 2, 3, 38, 71, 20, 1},
    {"no samples", 0, 3, 8, 8, 16, 1},
};

struct FirstLayer {
  Case test;
  ConvolutionShape s;
  AlignedFloats x{test.n * s.x.size()};
  AlignedFloats pixels{PaddedPlanes(s).floats()};
  Pivots pivots;

  explicit FirstLayer(const Case& t)
      : test(t),
        s{{t.c, t.h, t.w, false},
          {t.o, t.h + 2 * t.padding - 2, t.w + 2 * t.padding - 2, false},
          {3, 1, t.padding, 1},
          1} {
    x.fill(3);
    for (long i = 0; i < x.size; ++i) x.data[i] += 0.5f;  // photographs are not centred
    pivots = Pivots(s.x, test.n, x.data);
  }
  [[nodiscard]] const float* planes(int n) const {
    PaddedPlanes(s).load(s, x.data + n * s.x.size(), pivots, pixels.data);
    return pixels.data;
  }
  /// Element e = (r, s, c) of the patch of sample n at output pixel (p, q).
  [[nodiscard]] double element(int n, int p, int q, int e) const {
    const double pivot = double(pivots.mean[e % s.x.c]);
    const int h = p + e / s.x.c / 3 - test.padding, w = q + e / s.x.c % 3 - test.padding;
    if (h < 0 || h >= s.x.h || w < 0 || w >= s.x.w) return -pivot;
    return double(x.data[((long(n) * s.x.h + h) * s.x.w + w) * s.x.c + e % s.x.c]) - pivot;
  }
};

template <class Isa>
void check_gram(const FirstLayer& t) {
  const int size = PatchGram::elements(t.s);
  std::vector<double> expected(std::size_t(PatchGram::size(t.s)));
  for (int n = 0; n < t.test.n; ++n)
    for (int pixel = 0; pixel < t.s.y.pixels(); ++pixel)
      for (int e = 0; e < size; ++e) {
        const int p = pixel / t.s.y.w, q = pixel % t.s.y.w;
        double* row = &expected[std::size_t(e * (size + 1))];
        for (int other = 0; other < size; ++other) row[other] += t.element(n, p, q, e) * t.element(n, p, q, other);
        row[size] += t.element(n, p, q, e);
      }
  std::vector<double> got(expected.size()), grams(expected.size() * std::size_t(t.test.n));
  for (int n = 0; n < t.test.n; ++n)
    patch_gram_of_sample<Isa>(t.s, t.planes(n), &grams[std::size_t(n) * expected.size()]);
  add_grams(t.s, t.test.n, grams.data(), got.data());
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-6).scale(1 + expected[0]));
}

template <class Isa>
void check_sparse(const FirstLayer& t) {
  const ConvolutionShape& s = t.s;
  const PooledWeightGradient<Isa> sparse(s);
  const int rows = s.y.h / 2, columns = s.y.w / 2, outputs = s.y.c;
  const long windows = long(rows) * columns;
  AlignedFloats dy(t.test.n * windows * outputs), pooled(dy.size),
      statistics(ChannelStatistics::arrays * long(outputs));
  dy.fill(5);
  pooled.fill(6);
  statistics.fill(7);
  const ChannelStatistics k(statistics.data, outputs);
  std::vector<std::uint8_t> argmax(std::size_t(dy.size));
  for (std::size_t i = 0; i < argmax.size(); ++i) argmax[i] = std::uint8_t(i * 7 / 3 % 4);
  AlignedFloats scratch(sparse.scratch_floats()), partial(sparse.partial_floats());
  for (int n = 0; n < t.test.n; ++n) {
    std::vector<double> expected(std::size_t(sparse.partial_floats()));
    for (long i = 0; i < windows * outputs; ++i) {
      const long at = n * windows * outputs + i;
      const int o = int(i % outputs), largest_tap = argmax[std::size_t(at)];
      const double v = double(pooled.data[at]);
      if (!(double(k.scale[o]) * v + double(k.shift[o]) > 0)) continue;
      const double g = double(dy.data[at]);
      expected[std::size_t(o)] += g;
      expected[std::size_t(outputs + o)] += g * (v - double(k.mean[o]));
      const int p = int(i / outputs / columns) * 2 + largest_tap / 2,
                q = int(i / outputs % columns) * 2 + largest_tap % 2;
      for (int e = 0; e < PatchGram::elements(s); ++e)
        expected[std::size_t((2 + e) * outputs + o)] += g * t.element(n, p, q, e);
    }
    sparse.sample(t.planes(n), {dy.data, pooled.data, argmax.data()}, k, n, scratch.data, partial.data);
    check_close(partial, expected, 2e-6);
  }
}

TEST_CASE("first layer: the Gram matrix of patches equals plain sums") {
  for (const Case& test : cases) {
    CAPTURE(test.what);
    const FirstLayer t(test);
    check_gram<Native>(t);
    check_gram<Baseline>(t);
  }
}

TEST_CASE("first layer: the weight gradient of a pooled output equals plain sums") {
  for (const Case& test : cases) {
    CAPTURE(test.what);
    const FirstLayer t(test);
    check_sparse<Native>(t);
    check_sparse<Baseline>(t);
  }
}

}  // namespace
