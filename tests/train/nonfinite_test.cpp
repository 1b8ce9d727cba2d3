// What a Trainer rejects, with which error, and that a rejected step changes nothing.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

struct Body : Sequential<Conv2d<3, 4, 3, Padding<1>>, BatchNorm<4>, ReLU, MaxPool<2>, Conv2d<4, 5, 3, Padding<1>>,
                         BatchNorm<5>, ReLU> {
  static constexpr std::string_view name = "body";
};
using Net = Sequential<Body, Flatten, Dropout<>, Linear<5 * 3 * 4, 3>>;
constexpr int capacity = 4, size = 3 * 7 * 8;

template <class Backend, class Optimizer = Adam>
using Training = Trainer<Net, Image<3, 7, 8>, Batch<capacity>, CrossEntropy, Optimizer, Constant, Backend>;

std::vector<float> images_of(int batch) {
  std::vector<float> images(capacity * size);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = 2 * uniform(9, std::uint64_t(batch), i) - 1;
  return images;
}
const std::vector<int> labels{0, 1, 2, 1};

template <class T>
std::vector<float> values_of(T& trainer) {
  const auto state = trainer.state();
  std::vector<float> all(state.parameters, state.parameters + T::graph.trained_storage);
  all.insert(all.end(), state.buffers, state.buffers + T::graph.buffer_storage);
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The message of the Error that f throws, "" if it throws none.
template <class F>
std::string sentence(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void check_says(const std::string& said, std::initializer_list<const char*> parts) {
  CAPTURE(said);
  for (std::string part : parts) {
    CAPTURE(part);
    CHECK(said.find(part) != std::string::npos);
  }
}

TEST_CASE_TEMPLATE("the error for a step that is not finite names the step, and nothing is changed", Backend, Cpu<>,
                   Reference<>, Remote<Cpu<>>, Remote<Reference<>>) {
  Training<Backend> trainer({.schedule = {1e-2}, .seed = 4}), untroubled({.schedule = {1e-2}, .seed = 4});
  auto step = [](auto& t, int batch) { t.step(images_of(batch).data(), labels.data(), capacity); };
  step(trainer, 1), step(untroubled, 1);
  const std::vector<float> before = values_of(trainer);

  std::vector<float> broken = images_of(2);
  broken[size + 3] = std::numeric_limits<float>::quiet_NaN();
  check_says(sentence([&] { trainer.step(broken.data(), labels.data(), capacity); }),
             {"step 2", "images", "nothing was updated"});
  CHECK(same_bits(values_of(trainer), before));

  // A finite image whose square is infinite: the batch variance of BatchNorm is infinite although the loss is not.
  broken[size + 3] = 3e38f;
  check_says(sentence([&] { trainer.step(broken.data(), labels.data(), capacity); }),
             {"step 2", "nothing was updated"});
  CHECK(same_bits(values_of(trainer), before));

  const auto weight = [&]() -> float& {
    return trainer.state().at(Training<Backend>::graph.parameters[7], 11);  // body.4.weight
  };
  const float healthy = weight();
  weight() = std::numeric_limits<float>::infinity();
  const std::vector<float> with_infinity = values_of(trainer);
  check_says(sentence([&] { step(trainer, 2); }), {"step 2", "body.4.weight", "nothing was updated"});
  CHECK(same_bits(values_of(trainer), with_infinity));
  weight() = healthy;

  // Had either failure touched the optimizer's state or the step count, the next steps would differ.
  for (int batch : {2, 3}) step(trainer, batch), step(untroubled, batch);
  CHECK(trainer.steps() == 3);
  CHECK(trainer.state().at(Training<Backend>::graph.parameters[6], 0) == 3);  // body.1.num_batches_tracked
  CHECK(same_bits(values_of(trainer), values_of(untroubled)));
}

TEST_CASE_TEMPLATE("with a huge learning rate, the error names the first layer that overflows", Backend, Cpu<>,
                   Reference<>, Remote<Reference<>>) {
  Training<Backend, SGD> trainer({.schedule = {1e38}, .seed = 4});
  std::string said;
  std::vector<float> before;
  for (int batch = 1; batch < 5 && said.empty(); ++batch) {
    before = values_of(trainer);
    said = sentence([&] { trainer.step(images_of(batch).data(), labels.data(), capacity); });
  }
  check_says(said, {"step 2", "not finite", "Lower the learning rate"});
  CHECK(said.find("body.") != std::string::npos);
  CHECK(same_bits(values_of(trainer), before));
}

TEST_CASE("the error for results that are not finite names the sample") {
  using Model = Training<Cpu<>>;
  const ScratchFolder folder;
  Model trainer({.schedule = {1e-2}, .seed = 4});
  trainer.save(folder / "weights");
  std::vector<float> images = images_of(1), results(capacity * size);
  images[2 * size + 3] = std::numeric_limits<float>::quiet_NaN();
  const auto check_refused = [](const std::string& said) { check_says(said, {"sample 2", "not finite"}); };
  check_refused(sentence([&] { trainer.evaluate(images.data(), labels.data(), capacity); }));
  check_refused(sentence([&] { trainer.predict(images.data(), capacity, results.data()); }));
  CHECK(sentence([&] { trainer.evaluate(images.data(), labels.data(), 2); }).empty());  // that sample is not used

  InputGradients<Net, Image<3, 7, 8>, Batch<capacity>, CrossEntropy, Cpu<>> gradients;
  gradients.load(folder / "weights");
  check_refused(sentence([&] { gradients.gradients(images.data(), labels.data(), capacity, results.data()); }));

  Predictor<Net, Image<3, 7, 8>, Batch<capacity>, Cpu<>> predictor(folder / "weights", 1);
  check_refused(sentence([&] { predictor.predict(images.data(), capacity, results.data()); }));
  predictor.check_finite = false;
  predictor.predict(images.data(), capacity, results.data());
  for (int i = 0; i < capacity * 3; ++i) CHECK(std::isfinite(results[std::size_t(i)]) == (i / 3 != 2));
}

TEST_CASE("null pointers and missing weights are errors") {
  Training<Cpu<>> trainer({.schedule = {1e-2}});
  InputGradients<Net, Image<3, 7, 8>, Batch<capacity>, CrossEntropy, Cpu<>> gradients;
  Predictor<Net, Image<3, 7, 8>, Batch<capacity>, Cpu<>> predictor;
  const std::vector<float> images = images_of(1), before = values_of(trainer);
  std::vector<float> dx(images.size(), 7);
  const float* x = images.data();
  const int* y = labels.data();
  check_says(sentence([&] { trainer.step(nullptr, y, 2); }), {"without its images"});
  check_says(sentence([&] { trainer.step(x, nullptr, 2); }), {"without its labels"});
  check_says(sentence([&] { trainer.evaluate(nullptr, y, 2); }), {"without its images"});
  check_says(sentence([&] { trainer.evaluate(x, nullptr, 2, dx.data()); }), {"without its labels"});
  check_says(sentence([&] { trainer.predict(nullptr, 2, dx.data()); }), {"without its images"});
  check_says(sentence([&] { trainer.predict(x, 2, nullptr); }), {"no memory for the logits"});
  check_says(sentence([&] { gradients.gradients(x, y, 2, dx.data()); }), {"no weights yet"});
  initialize(gradients.state(), 1);
  check_says(sentence([&] { gradients.gradients(nullptr, y, 2, dx.data()); }), {"without its images"});
  check_says(sentence([&] { gradients.gradients(x, nullptr, 2, dx.data()); }), {"without its labels"});
  check_says(sentence([&] { gradients.gradients(x, y, 2, nullptr); }), {"no memory for dx"});
  initialize(predictor.state(), 1);
  predictor.prepare();
  check_says(sentence([&] { predictor.predict(nullptr, 2, dx.data()); }), {"without its images"});
  check_says(sentence([&] { predictor.predict(x, 2, nullptr); }), {"no memory for the outputs"});
  check_says(sentence([&] { predictor.predict_all(x, -1, dx.data()); }), {"asked for -1 samples"});
  check_says(sentence([&] { predictor.predict_all(nullptr, 2, dx.data()); }), {"without its images"});
  predictor.predict_all(nullptr, 0, nullptr);  // zero samples
  CHECK(same_bits(values_of(trainer), before));
  for (const float each : dx) CHECK(each == 7);
}

TEST_CASE("invalid options are rejected") {
  using WithSgd = Training<Cpu<>, SGD>;
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double wrong : {nan, -1.0}) {
    const auto adam = [](Training<Cpu<>>::Options options) { const Training<Cpu<>> trainer(options); };
    const auto sgd = [](WithSgd::Options options) { const WithSgd trainer(options); };
    check_says(sentence([&] { adam({.clip_norm = wrong}); }), {"clip_norm"});
    check_says(sentence([&] { adam({.optimizer = {.epsilon = wrong}}); }), {"Adam's epsilon"});
    check_says(sentence([&] { adam({.optimizer = {.weight_decay = wrong}}); }), {"Adam's weight_decay"});
    check_says(sentence([&] { adam({.optimizer = {.beta1 = wrong}}); }), {"Adam's betas"});
    check_says(sentence([&] { adam({.optimizer = {.beta2 = wrong}}); }), {"Adam's betas"});
    check_says(sentence([&] { sgd({.optimizer = {.weight_decay = wrong}}); }), {"SGD's weight_decay"});
    check_says(sentence([&] { sgd({.optimizer = {.momentum = wrong}}); }), {"SGD's momentum"});
  }
  for (const double rate : {nan, -1e-3, infinity}) {
    Training<Cpu<>> trainer({.schedule = {rate}});
    const std::vector<float> before = values_of(trainer);
    check_says(sentence([&] { trainer.step(images_of(1).data(), labels.data(), capacity); }),
               {"step 1", "learning rate", "Nothing was updated"});
    CHECK(same_bits(values_of(trainer), before));
    CHECK(trainer.steps() == 0);
  }
}

TEST_CASE("an invalid batch is rejected before anything is changed") {
  Training<Cpu<>> trainer({.schedule = {1e-2}});
  const std::vector<float> before = values_of(trainer), images = images_of(1);
  for (int n : {0, -1, capacity + 1}) {
    check_says(sentence([&] { trainer.step(images.data(), labels.data(), n); }), {std::to_string(n).c_str(), "1 to 4"});
    check_says(sentence([&] { trainer.evaluate(images.data(), labels.data(), n); }),
               {std::to_string(n).c_str(), "1 to 4"});
  }
  for (int label : {3, -1}) {
    const std::vector<int> wrong{0, 1, label, 2};
    check_says(sentence([&] { trainer.step(images.data(), wrong.data(), capacity); }),
               {("label " + std::to_string(label)).c_str(), "sample 2", "0 to 2"});
    check_says(sentence([&] { trainer.evaluate(images.data(), wrong.data(), capacity); }), {"sample 2"});
    CHECK(sentence([&] { trainer.step(images.data(), wrong.data(), 2); }).empty());  // the wrong label is not used
  }
  CHECK(trainer.steps() == 2);
  CHECK(!same_bits(values_of(trainer), before));
}

template <class Small, class Input>
void check_one_value_a_channel(const char* layer) {
  Trainer<Small, Input, Batch<2>, CrossEntropy, Adam, Constant, Cpu<>> trainer({.schedule = {1e-2}});
  const std::vector<float> images = images_of(1), before = values_of(trainer);
  check_says(sentence([&] { trainer.step(images.data(), labels.data(), 1); }), {layer, "one value a channel"});
  CHECK(same_bits(values_of(trainer), before));
  CHECK(sentence([&] {
          trainer.evaluate(images.data(), labels.data(), 1);
        }).empty());  // evaluation uses running statistics
  CHECK(sentence([&] { trainer.step(images.data(), labels.data(), 2); }).empty());
}

TEST_CASE("batch statistics of a single value are rejected") {
  check_one_value_a_channel<Sequential<Conv2d<3, 4, 3>, BatchNorm<4>, Flatten, Linear<4, 3>>, Image<3, 3, 3>>(
      "1 (BatchNorm)");
  check_one_value_a_channel<Sequential<Flatten, Linear<27, 4>, BatchNorm<4>, Linear<4, 3>>, Image<3, 3, 3>>(
      "2 (BatchNorm)");
}

}  // namespace
