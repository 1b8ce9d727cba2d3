// Pooling a convolution of few channels in registers, against plain loops. All elements are integers, so that sums are
// exact in any order and results must be equal to the bit.
#include <doctest/doctest.h>
#include <tinycnn/backends/cpu/conv/direct/forward.hpp>
#include <tinycnn/backends/cpu/conv/epilogue/max_pool.hpp>

#include <atomic>
#include <cstring>

#include "../support/aligned_floats.hpp"

namespace {

using namespace tinycnn;
using namespace tinycnn::cpu;

struct Case {
  const char* what;
  int n, c, h, w, panels, more, padding;  // `panels` full panels of outputs and `more` outputs
  bool bias = true;
  int groups = 1;
};

constexpr Case cases[] = {
    {"columns that fill whole register tiles", 2, 3, 12, 16, 2, 0, 1},
    {"an odd row and an odd column", 2, 3, 9, 13, 1, 0, 1},
    {"two columns remain, no padding", 1, 1, 6, 12, 1, 0, 0, false},
    {"three columns remain, a panel that is not full", 2, 4, 8, 19, 1, 5, 1},
    {"two channels, padding 2", 1, 2, 5, 9, 2, 1, 2},
    {"several blocks per sample", 3, 3, 34, 66, 1, 0, 1},
    {"several samples per block", 5, 3, 4, 4, 2, 0, 1},
    {"one window", 2, 3, 2, 2, 1, 0, 1},
    {"one row, no window", 2, 3, 1, 8, 1, 0, 1},
    {"one column, no window", 2, 3, 8, 1, 1, 0, 1},
    {"five channels are too many", 1, 5, 8, 8, 1, 0, 1},
    {"two groups of three channels", 2, 6, 9, 12, 4, 0, 1, true, 2},
};

/// An epilogue that counts the output tiles it computed in registers.
template <class Epilogue>
struct Counting {
  const Epilogue& own;
  std::atomic<int>& in_registers;
  [[nodiscard]] int row_multiple() const { return own.row_multiple(); }
  void apply(const OutputTile& tile) const { own.apply(tile); }
  bool apply(const OutputTile& tile, const FewChannels& x) const {
    const bool computed = own.apply(tile, x);
    in_registers += computed;
    return computed;
  }
};

/// What the epilogues of training and inference leave of a convolution's output.
struct Pooled {
  AlignedFloats largest, relu;
  std::vector<std::uint8_t> argmax;
  std::vector<double> sums;  // (blocks,2,O), then (2,O)
  Pooled(long size, int blocks, int outputs)
      : largest(size),
        relu(size),
        argmax(std::size_t(size), 255),
        sums(2 * std::size_t(blocks) * std::size_t(outputs)) {}
};

template <class Isa>
struct FewChannelsTest {
  Case test;
  ConvolutionShape s;
  int blocks;
  long windows;
  AlignedFloats x, w, bias, gamma;

  explicit FewChannelsTest(const Case& t)
      : test(t),
        s{{t.c, t.h, t.w, false},
          {t.panels * NR<Isa> + t.more, t.h + 2 * t.padding - 2, t.w + 2 * t.padding - 2, false},
          {3, 1, t.padding, 1},
          t.groups},
        blocks(direct_blocks(s, t.n, 2)),
        windows(long(s.y.h / 2) * (s.y.w / 2)),
        x(t.n * s.x.size()),
        w(s.weights()),
        bias(s.y.c),
        gamma(s.y.c) {
    AlignedFloats* all[] = {&x, &w, &bias, &gamma};
    for (std::uint32_t i = 0; i < 4; ++i) {
      all[i]->fill(i + 3);
      for (long k = 0; k < all[i]->size; ++k) all[i]->data[k] = std::floor(3 * all[i]->data[k]);
    }
    for (int o = 0; o < s.y.c; ++o) gamma.data[o] = gamma.data[o] < 0 ? -1.5f : 0.5f;
  }

  [[nodiscard]] float result(long n, int p, int q, int o) const {
    float sum = test.bias ? bias.data[o] : 0;
    for (int tap = 0; tap < 9; ++tap) {
      const int h = p + tap / 3 - test.padding, v = q + tap % 3 - test.padding;
      if (h < 0 || h >= s.x.h || v < 0 || v >= s.x.w) continue;
      const int inputs = s.group_inputs(), first = o / s.group_outputs() * inputs;
      for (int c = 0; c < inputs; ++c)
        sum += x.data[((n * s.x.h + h) * s.x.w + v) * s.x.c + first + c] * w.data[(long(tap) * inputs + c) * s.y.c + o];
    }
    return sum;
  }

  void plain(Pooled& to) const {
    for (int n = 0; n < test.n; ++n)
      for (int o = 0; o < s.y.c; ++o) {
        for (int i = 0; i < s.y.pixels(); ++i) {
          const double v = double(result(n, i / s.y.w, i % s.y.w, o));
          to.sums[std::size_t(o)] += v;
          to.sums[std::size_t(s.y.c + o)] += v * v;
        }
        for (int window = 0; window < windows; ++window) {
          const int p = window / (s.y.w / 2) * 2, q = window % (s.y.w / 2) * 2;
          const float sign = gamma.data[o] < 0 ? -1.0f : gamma.data[o] > 0 ? 1.0f : 0.0f;
          float best = result(n, p, q, o), largest = best;
          int largest_tap = 0;
          for (int j = 1; j < 4; ++j) {
            const float v = result(n, p + j / 2, q + j % 2, o);
            if (sign * v > sign * best || (sign != 0 && v != v)) best = v, largest_tap = j;
            if (v > largest || v != v) largest = v;
          }
          const long at = (n * windows + window) * s.y.c + o;
          to.largest.data[at] = best;
          to.argmax[std::size_t(at)] = std::uint8_t(largest_tap);
          to.relu.data[at] = largest < 0 ? 0 : largest;
        }
      }
  }

  /// Runs both epilogues; `trained` and `predicted` count the output tiles that each computed in registers.
  void run(int threads, bool past_caches, Pooled& to, int& trained, int& predicted) const {
    ThreadPool pool(threads);
    AlignedFloats packed(direct_packed_floats<Isa>(s)), scratch(threads * direct_scratch_floats<Isa>(s, 2));
    direct_pack_forward<Isa>(s, w.data, packed.data, pool);
    const TensorSource<Isa> source{x.data, s.x};
    const float* added = test.bias ? bias.data : nullptr;
    StatisticsPoolEpilogue<Isa> training{nullptr,          s.y, added, gamma.data, to.sums.data(), to.largest.data,
                                         to.argmax.data(), 2};
    training.pooled_past_caches = past_caches;
    const PoolEpilogue<Isa> inference{to.relu.data, s.y, added, 2};
    std::atomic<int> in_registers{0};
    direct_forward<Isa>(s, test.n, source, packed.data, Counting<StatisticsPoolEpilogue<Isa>>{training, in_registers},
                        pool, scratch.data);
    trained = in_registers.exchange(0);
    direct_forward<Isa>(s, test.n, source, packed.data, Counting<PoolEpilogue<Isa>>{inference, in_registers}, pool,
                        scratch.data);
    predicted = in_registers;
    for (int block = 1; block < blocks; ++block)
      for (std::size_t i = 0; i < 2 * std::size_t(s.y.c); ++i)
        to.sums[i] += to.sums[std::size_t(2 * block * s.y.c) + i];
    to.sums.resize(2 * std::size_t(s.y.c));
  }

  /// `spoiled` and `not_finite`: the number of output tiles that training and inference cannot compute in registers.
  void check(int spoiled, int not_finite = 0) const {
    Pooled expected(test.n * windows * s.y.c, 1, s.y.c);
    plain(expected);
    const int full = s.group_inputs() > FewChannels::max_channels ? 0 : blocks * test.panels;
    const int odd_rows = s.y.h % 2 != 0 && full > 0 ? blocks / direct_blocks(s, 1, 2) * test.panels : 0;
    for (const int threads : {1, 3}) {
      Pooled got(expected.largest.size, blocks, s.y.c);
      int trained = 0, predicted = 0;
      run(threads, test.more == 0, got, trained, predicted);
      CHECK(trained == full - odd_rows - spoiled);
      CHECK(predicted == full - not_finite);
      CHECK(got.argmax == expected.argmax);
      int wrong = 0;
      const auto differ = [](auto a, auto b) { return a != b && (a == a || b == b); };
      const auto sums_differ = [](double a, double b) { return a != b && (std::isfinite(a) || std::isfinite(b)); };
      for (long i = 0; i < got.largest.size; ++i)
        wrong +=
            differ(got.largest.data[i], expected.largest.data[i]) || differ(got.relu.data[i], expected.relu.data[i]);
      for (std::size_t i = 0; i < got.sums.size(); ++i) wrong += sums_differ(got.sums[i], expected.sums[i]);
      CHECK(wrong == 0);
    }
  }
};

template <class Isa>
void check_all() {
  for (const Case& test : cases) {
    CAPTURE(test.what);
    FewChannelsTest<Isa>(test).check(0);
  }
}

TEST_CASE("few channels: pooling from registers equals plain loops to the bit, ties included") {
  check_all<Native>();
  check_all<Baseline>();
}

TEST_CASE("few channels: output tiles with a gamma of zero or non-finite results are computed by the tiled loop") {
  const Case test{"", 3, 3, 8, 10, 2, 0, 1};
  FewChannelsTest<Native> zero(test);
  zero.gamma.data[NR<Native> + 3] = 0;
  zero.check(zero.blocks);
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const int pixel : {0, 40, 79}) {
      FewChannelsTest<Native> spoiled(test);
      spoiled.x.data[(80 + pixel) * 3 + 1] = value;
      spoiled.check(2, 2);
    }
}

}  // namespace
