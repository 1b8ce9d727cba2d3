// The generated photographs need a convolutional network: a linear classifier of their 32 x 32 pixels has a low
// accuracy even with the best epoch and weight decay.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include <tinycnn/data/synthetic.hpp>
#include <tinycnn/tinycnn.hpp>

namespace {

using namespace tinycnn;

using Pixels = Image<3, 32, 32>;
constexpr int batch_size = 128;

struct Pictures {
  std::vector<float> images;  // (N,3,32,32)
  std::vector<int> labels;

  /// The pictures of make_synthetic's default set, which are numbered split by split and class by class.
  Pictures(int a_class, std::uint64_t first_id) {
    const long size = Pixels::dims.size();
    images.resize(std::size_t(a_class * synthetic_textures * size));
    std::vector<std::uint8_t> planes(static_cast<std::size_t>(size));
    for (int label = 0; label < synthetic_textures; ++label)
      for (int i = 0; i < a_class; ++i) {
        const Picture small = resize_bilinear(synthetic_picture(label, Synthetic{}.seed, first_id++), 32, 32);
        to_planes(small.rgb.data(), Pixels::dims.pixels(), planes.data());
        to_floats(planes.data(), size, images.data() + long(labels.size()) * size);
        labels.push_back(label);
      }
  }
};

}  // namespace

TEST_CASE("a linear probe of the generated photographs' pixels stays under .60") {
  const Pictures train(Synthetic{}.train, 0),
      valid(Synthetic{}.valid, std::uint64_t(Synthetic{}.train) * synthetic_textures);
  const long size = Pixels::dims.size();
  using Probe = Trainer<Sequential<Flatten, BatchNorm<3072>, Linear<3072, synthetic_textures>>, Pixels,
                        Batch<batch_size>, CrossEntropy, Adam, Constant, Cpu<>>;
  double best = 0;
  std::vector<float> images(std::size_t(batch_size * size));
  std::vector<int> labels(batch_size);
  for (const double decay : {0.0, 1e-2}) {
    Probe probe({.optimizer = {.weight_decay = decay}, .schedule = {1e-4}, .seed = 1, .threads = 2});
    for (int epoch = 1; epoch <= 15; ++epoch) {
      const std::vector<int> order = shuffled(int(train.labels.size()), 1, std::uint64_t(epoch));
      for (std::size_t first = 0; first + batch_size <= order.size(); first += batch_size) {
        for (std::size_t n = 0; n < batch_size; ++n) {
          const int i = order[first + n];
          std::copy_n(train.images.data() + i * size, size, images.data() + long(n) * size);
          labels[n] = train.labels[std::size_t(i)];
        }
        probe.step(images.data(), labels.data(), batch_size);
      }
      int correct = 0;
      for (int first = 0; first < int(valid.labels.size()); first += batch_size) {
        const int n = std::min(batch_size, int(valid.labels.size()) - first);
        correct += probe.evaluate(valid.images.data() + first * size, valid.labels.data() + first, n).correct;
      }
      best = std::max(best, double(correct) / double(valid.labels.size()));
    }
  }
  MESSAGE("best validation accuracy of the probe: " << best);
  CHECK(best < 0.60);
  CHECK(best > 0.20);  // better than guessing, or the test would prove nothing
}
