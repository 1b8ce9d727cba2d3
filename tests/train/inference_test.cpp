// Predictor and InputGradients.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/close.hpp"
#include "../support/nets.hpp"
#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

using namespace tinycnn;

namespace {

constexpr int batch = 5;
using Training = Trainer<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, CrossEntropy, Adam, Constant, Cpu<>>;
constexpr long pixels = Training::graph.input.size();

std::vector<float> drawn_images() {
  std::vector<float> images(batch * pixels);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = uniform(11, 1, i);
  return images;
}
constexpr int labels[batch] = {0, 3, 1, 2, 0};

/// Writes a file of weights after a few training steps, so that running statistics are not the initial ones.
void train_and_save(const std::string& path) {
  Training model({.schedule = {1e-2}, .seed = 5});
  const std::vector<float> images = drawn_images();
  for (int step = 0; step < 4; ++step) model.step(images.data(), labels, batch);
  model.save(path);
}

}  // namespace

TEST_CASE("a Predictor gives the Trainer's logits, and an error before it has weights") {
  const ScratchFolder folder;
  train_and_save(folder / "net.safetensors");
  Training model({});
  model.load(folder / "net.safetensors");
  const std::vector<float> images = drawn_images();
  float expected[batch * 4], got[batch * 4];
  model.predict(images.data(), batch, expected);

  Predictor<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, Cpu<>> predictor(2);
  CHECK(contains(error_of([&] { predictor.predict(images.data(), batch, got); }), "no weights yet"));
  predictor.load(folder / "net.safetensors");
  predictor.predict(images.data(), batch, got);
  for (int i = 0; i < batch * 4; ++i) CHECK(got[i] == expected[i]);
  CHECK(contains(error_of([&] { predictor.predict(images.data(), batch + 1, got); }), "1 to 5"));
}

TEST_CASE_TEMPLATE("only the verbs of a backend access its memory", Backend, Cpu<>, Reference<>) {
  using Far = Remote<Backend>;
  using Near = Backend;
  const ScratchFolder folder;
  const std::vector<float> images = drawn_images();
  const auto train = [&]<class B>(B*, const std::string& path) {
    Trainer<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, CrossEntropy, Adam, Constant, B> model(
        {.schedule = {1e-2}, .clip_norm = 1, .seed = 5, .threads = 2});
    std::vector<double> all;
    for (int step = 0; step < 4; ++step) {
      const StepResult r = model.step(images.data(), labels, step == 2 ? 3 : batch);
      all.insert(all.end(), {r.loss, r.grad_norm, double(r.correct)});
    }
    const EvaluationResult e = model.evaluate(images.data(), labels, batch);
    float logits[batch * 4];
    model.predict(images.data(), batch, logits);
    all.insert(all.end(), {e.loss_sum, double(e.correct)});
    all.insert(all.end(), logits, logits + batch * 4);
    model.save(path);
    model.load(path);
    all.push_back(model.evaluate(images.data(), labels, 2).loss_sum);
    return all;
  };
  CHECK(train(static_cast<Far*>(nullptr), folder / "far") == train(static_cast<Near*>(nullptr), folder / "near"));
  CHECK(read_file(folder / "far") == read_file(folder / "near"));

  const auto use = [&]<class B>(B*) {
    Predictor<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, B> predictor(folder / "near", 2);
    InputGradients<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, CrossEntropy, B> gradients(2);
    gradients.load(folder / "near");
    std::vector<float> all(batch * 4), dx(images.size());
    predictor.predict_all(images.data(), batch, all.data());
    all.push_back(float(gradients.gradients(images.data(), labels, batch, dx.data())));
    all.insert(all.end(), dx.begin(), dx.end());
    return all;
  };
  CHECK(use(static_cast<Far*>(nullptr)) == use(static_cast<Near*>(nullptr)));

  // The host really cannot dereference the pointers.
  Far backend(1);
  typename Far::template Memory<float> memory(backend, 16);
  memory.host()[3] = 5;
  const float* far = memory.data();
  CHECK((reinterpret_cast<std::uintptr_t>(far) >> 47) != 0);  // not a valid address
  CHECK(memory.read()[3] == 5);
}

/// A network with images of 8 x 8 and 4 x 4 pixels, for which Cpu uses different algorithms with capacities of one,
/// two, three or many.
using Wide =
    Sequential<Conv2d<3, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>, Conv2d<16, 33, 3, Padding<1>>,
               BatchNorm<33>, ReLU, MaxPool<2>, Residual<Sequential<Conv2d<33, 33, 3, Padding<1>>, BatchNorm<33>>>,
               ReLU, Flatten, Linear<33 * 16, 70>, ReLU, Linear<70, 4>>;
using WideInput = Image<3, 16, 16>;

/// The logits of the first `Capacity` of `images`, predicted as one batch.
template <class Backend, int Capacity>
std::vector<float> logits_of(const std::string& path, const std::vector<float>& images, int threads) {
  Predictor<Wide, WideInput, Batch<Capacity>, Backend> predictor(path, threads);
  std::vector<float> all(std::size_t(Capacity * 4)), some(all);
  predictor.predict(images.data(), Capacity, all.data());
  for (int n = 1; n <= Capacity && n <= 9; n += n < 3 ? 1 : 3) {  // samples are independent
    const int from = Capacity - n;
    predictor.predict(images.data() + from * WideInput::dims.size(), n, some.data());
    CHECK(std::memcmp(some.data(), all.data() + from * 4, sizeof(float) * std::size_t(n * 4)) == 0);
  }
  return all;
}

template <int Capacity>
void check_capacity(const std::string& path, const std::vector<float>& images) {
  CAPTURE(Capacity);
  const std::vector<float> expected = logits_of<Reference<double>, Capacity>(path, images, 1);
  const std::vector<float> got = logits_of<Cpu<>, Capacity>(path, images, 1);
  check_close("logits", std::vector<double>(got.begin(), got.end()),
              std::vector<double>(expected.begin(), expected.end()), 2e-5);
  for (const int threads : {2, 5}) CHECK(logits_of<Cpu<>, Capacity>(path, images, threads) == got);
}

TEST_CASE("a Predictor of any capacity agrees with Reference, and a sample's bits depend on that sample only") {
  const ScratchFolder folder;
  constexpr int most = 64;
  std::vector<float> images(std::size_t(most * WideInput::dims.size()));
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = 2 * uniform(11, 2, i) - 1;
  Trainer<Wide, WideInput, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> model({.schedule = {1e-2}, .seed = 5});
  constexpr int classes[8] = {0, 3, 1, 2, 0, 1, 3, 2};
  for (int step = 0; step < 4; ++step) model.step(images.data() + step * 8 * WideInput::dims.size(), classes, 8);
  model.save(folder / "wide.safetensors");
  check_capacity<1>(folder / "wide.safetensors", images);
  check_capacity<2>(folder / "wide.safetensors", images);
  check_capacity<3>(folder / "wide.safetensors", images);
  check_capacity<most>(folder / "wide.safetensors", images);
}

TEST_CASE("InputGradients agree with finite differences of the loss and with plain loops") {
  const ScratchFolder folder;
  train_and_save(folder / "net.safetensors");
  const std::vector<float> images = drawn_images();

  InputGradients<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, CrossEntropy, Reference<double>> plain;
  plain.load(folder / "net.safetensors");
  std::vector<float> expected(images.size()), got(images.size());
  const double loss = plain.gradients(images.data(), labels, batch, expected.data());

  double largest = 0;
  for (const float d : expected) largest = std::max(largest, std::abs(double(d)));
  std::vector<float> moved = images, unused(images.size());
  for (std::size_t i = 0; i < images.size(); i += 37) {
    const float h = 1.0f / 4096;  // x + h is exact in float for x below 1
    moved[i] = images[i] + h;
    const double step = double(moved[i]) - double(images[i]);
    const double above = plain.gradients(moved.data(), labels, batch, unused.data());
    moved[i] = images[i] - h;
    const double back = double(images[i]) - double(moved[i]);
    const double below = plain.gradients(moved.data(), labels, batch, unused.data());
    moved[i] = images[i];
    // Away from kinks the two one-sided slopes agree, and then so does the gradient.
    const double right = (above - loss) / step, left = (loss - below) / back;
    if (std::abs(right - left) < 1e-3 * largest)
      CHECK(std::abs((right + left) / 2 - double(expected[i])) < 2e-3 * largest);
  }

  InputGradients<nets::SmallHw3, nets::SmallHw3Input, Batch<batch>, CrossEntropy, Cpu<>> fast(2);
  fast.load(folder / "net.safetensors");
  CHECK(std::abs(fast.gradients(images.data(), labels, batch, got.data()) - loss) < 5e-6 * loss);
  check_close("dx", std::vector<double>(got.begin(), got.end()), std::vector<double>(expected.begin(), expected.end()),
              1e-5);
  CHECK(contains(error_of([&] { fast.gradients(images.data(), labels, 0, got.data()); }), "0 samples"));
}
