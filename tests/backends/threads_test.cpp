// The Cpu backend's guarantee: the same bits on any number of threads, for one binary and instruction set.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <tinycnn/tinycnn.hpp>

namespace {

using namespace tinycnn;

using PooledNet =
    Sequential<Conv2d<3, 33, 3, Padding<1>>, BatchNorm<33>, ReLU, MaxPool<2>, Conv2d<33, 65, 3, Padding<1>>,
               BatchNorm<65>, ReLU, MaxPool<2>, Flatten, Linear<65 * 8 * 8, 70>, ReLU, Dropout<>, Linear<70, 11>>;
using Block =
    Sequential<Conv2d<17, 17, 3, Padding<1>>, BatchNorm<17>, ReLU, Conv2d<17, 17, 3, Padding<1>>, BatchNorm<17>>;
using ResidualNet =
    Sequential<Conv2d<3, 17, 5, Stride<2>, Padding<2>>, BatchNorm<17>, ReLU, MaxPool<3, Stride<2>, Padding<1>>,
               Residual<Block>, ReLU, Residual<Block, Sequential<Conv2d<17, 17, 1>, BatchNorm<17>>>, ReLU,
               GlobalAvgPool, Flatten, Linear<17, 11>>;

/// All parameters and buffers, then the logits, after three steps, the last on a partial batch.
template <class Net>
std::vector<float> trained(int threads) {
  constexpr int capacity = 7, size = 3 * 32 * 32;
  using Training = Trainer<Net, Image<3, 32, 32>, Batch<capacity>, CrossEntropy, Adam, Constant, Cpu<>>;
  Training trainer(
      {.optimizer = {.weight_decay = 1e-3}, .schedule = {1e-3}, .clip_norm = 1, .seed = 3, .threads = threads});
  std::vector<float> images(capacity * size), logits(capacity * 11);
  std::vector<int> labels(capacity);
  int step = 0;
  for (int n : {capacity, capacity, 4}) {
    ++step;
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = 2 * uniform(5, std::uint64_t(step), i) - 1;
    for (int i = 0; i < n; ++i) labels[std::size_t(i)] = (3 * i + step) % 11;
    trainer.step(images.data(), labels.data(), n);
  }
  trainer.predict(images.data(), capacity, logits.data());
  const auto state = trainer.state();
  std::vector<float> all(state.parameters, state.parameters + Training::graph.trained_storage);
  all.insert(all.end(), state.buffers, state.buffers + Training::graph.buffer_storage);
  all.insert(all.end(), logits.begin(), logits.end());
  return all;
}

template <class Net>
void check_threads() {
  const std::vector<float> one = trained<Net>(1);
  CHECK(std::all_of(one.begin(), one.end(), [](float element) { return std::isfinite(element); }));
  for (int threads : {1, 2, 5, 2}) {
    CAPTURE(threads);
    const std::vector<float> other = trained<Net>(threads);
    REQUIRE(other.size() == one.size());
    CHECK(std::memcmp(other.data(), one.data(), one.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("threads change no bit of a pooled network") { check_threads<PooledNet>(); }
TEST_CASE("threads change no bit of a residual network") { check_threads<ResidualNet>(); }

}  // namespace
