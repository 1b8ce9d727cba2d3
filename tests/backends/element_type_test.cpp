// Values stored in 2 bytes and computed in f32, with a storage type that the library does not know: sizes and offsets
// in bytes, training steps, gradients, checkpoints.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/bfloat16.hpp"
#include "../support/plan_run.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

using Half = Reference<Precision<Bfloat16, float>>;
static_assert(sizeof(Bfloat16) == 2 && std::is_same_v<Half::Stored, Bfloat16> && std::is_same_v<Half::Compute, float>);

// Odd sizes, so that no value of 2-byte elements fills whole multiples of 4 bytes; overlapping windows; a sum.
struct Net : Sequential<Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>, ReLU, MaxPool<3, Stride<2>>,
                        Residual<Conv2d<5, 5, 3, Padding<1>>>, AvgPool<2, Stride<1>>, Concat<Identity, Conv2d<5, 3, 1>>,
                        Flatten, Linear<32, 7>, ReLU, Linear<7, 3>> {};
using Picture = Image<3, 7, 7>;
template <class Backend>
using Model = Trainer<Net, Picture, Batch<6>, CrossEntropy, Adam, Constant, Backend>;

TEST_CASE("values are sized by the type they are stored in, everything else by the type that is computed in") {
  constexpr Plan half = Model<Half>::plan, full = Model<Reference<>>::plan, wide = Model<Reference<double>>::plan;
  REQUIRE(half.step_count == full.step_count);
  REQUIRE(half.value_count == full.value_count);
  CHECK(half.stored->name == "bf16");
  CHECK(half.compute->name == "f32");
  CHECK(wide.compute->name == "f64");
  CHECK(half.persistent == full.persistent);
  CHECK(half.workspace == full.workspace);
  CHECK(wide.workspace == 2 * full.workspace);
  CHECK(half.per_sample < full.per_sample);
  int indices = 0;
  for (int v = 0; v < half.value_count; ++v) {
    const Value &a = half.values[v], &b = full.values[v];
    if (a.root != v) continue;
    const bool is_loss = v == Model<Half>::graph.node_count, is_index = a.type == &element_type<unsigned char>;
    CHECK(a.type == (is_index  ? &element_type<unsigned char>
                     : is_loss ? &element_type<float>
                               : &element_type<Bfloat16>));
    CHECK(a.per_sample % memory_alignment == 0);
    if (is_index) CHECK(a.per_sample == b.per_sample);  // bytes in both
    if (!is_index && !is_loss) CHECK(a.per_sample == aligned_bytes(2 * a.dims.size()));
    if (!is_index && !is_loss) CHECK(b.per_sample == aligned_bytes(4 * a.dims.size()));
    indices += is_index ? 1 : 0;
  }
  CHECK(indices == 1);  // of the MaxPool
  CHECK(describe(half).find("values are bf16") != std::string::npos);
}

struct Data {
  std::vector<float> images;
  std::vector<int> labels;
  explicit Data(int n) : images(std::size_t(n) * 147) {
    for (int i = 0; i < n; ++i) labels.push_back(i % 3);
    for (std::size_t i = 0; i < images.size(); ++i)
      images[i] = uniform(5, 1, i) + 0.5f * float(labels[i / 147] == int(i % 147 / 49));  // a brighter channel
  }
};

/// Whether an element is representable in 16 bits.
bool is_rounded(float element) { return float(Bfloat16(element)) == element; }

TEST_CASE("a small net trains on values of 2 bytes, close to f32") {
  const Data data(6);
  Model<Half> half({.schedule = {1e-2}, .seed = 3});
  Model<Reference<>> full({.schedule = {1e-2}, .seed = 3});
  double first = 0, last = 0;
  for (int step = 0; step < 40; ++step) {
    const StepResult r = half.step(data.images.data(), data.labels.data(), step % 4 == 3 ? 5 : 6);
    const StepResult f = full.step(data.images.data(), data.labels.data(), step % 4 == 3 ? 5 : 6);
    if (step == 0) {
      first = r.loss;
      CHECK(std::abs(r.loss - f.loss) < 0.02 * f.loss);  // 8 bits of mantissa: 0.4 % per rounding
      CHECK(std::abs(r.grad_norm - f.grad_norm) < 0.05 * f.grad_norm);
      CHECK(r.loss != f.loss);
    }
    last = r.loss;
  }
  CHECK(last < 0.3 * first);
  float logits[18];
  half.predict(data.images.data(), 6, logits);
  for (const float logit : logits) CHECK(is_rounded(logit));
  int unrounded = 0;  // parameters are kept in f32
  for (long i = 0; i < half.graph.trained_storage; ++i) unrounded += is_rounded(half.state().parameters[i]) ? 0 : 1;
  CHECK(unrounded > 100);
}

TEST_CASE("a run on values of 2 bytes resumes from its checkpoint with the same bits") {
  const ScratchFolder folder;
  const Data data(6);
  Model<Half> one({.schedule = {1e-2}, .seed = 3}), two({.schedule = {1e-2}, .seed = 4});
  for (int step = 0; step < 3; ++step) one.step(data.images.data(), data.labels.data(), 6);
  one.save_checkpoint(folder / "ckpt");
  two.load_checkpoint(folder / "ckpt");
  for (int step = 0; step < 3; ++step)
    CHECK(one.step(data.images.data(), data.labels.data(), 6).loss ==
          two.step(data.images.data(), data.labels.data(), 6).loss);
  Predictor<Net, Picture, Batch<6>, Half> predictor;
  one.save(folder / "weights");
  predictor.load(folder / "weights");
  float expected[18], got[18];
  one.predict(data.images.data(), 6, expected);
  predictor.predict(data.images.data(), 6, got);
  CHECK(std::memcmp(expected, got, sizeof got) == 0);
}

/// A net without ReLU and MaxPool, whose choices rounding could change.
struct Smooth : Sequential<Conv2d<3, 5, 3, Padding<1>>, BatchNorm<5>, AvgPool<3, Stride<2>>,
                           Residual<Conv2d<5, 5, 3, Padding<1>>>, Concat<Identity, Conv2d<5, 3, 1>>, GlobalAvgPool,
                           Flatten, Linear<8, 3>> {};

TEST_CASE("input gradients on values of 2 bytes equal those of f32 except for rounding") {
  const Data data(6);
  InputGradients<Smooth, Picture, Batch<6>, CrossEntropy, Half> half;
  InputGradients<Smooth, Picture, Batch<6>, CrossEntropy, Reference<>> full;
  initialize(half.state(), 3);
  initialize(full.state(), 3);
  std::vector<float> a(data.images.size()), b(data.images.size());
  half.gradients(data.images.data(), data.labels.data(), 6, a.data());
  full.gradients(data.images.data(), data.labels.data(), 6, b.data());
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += double(a[i] - b[i]) * double(a[i] - b[i]);
    norm += double(b[i]) * double(b[i]);
  }
  CHECK(norm > 0);
  CHECK(std::sqrt(error / norm) < 0.04);  // ten roundings of 0.4 % in sequence
}

}  // namespace
