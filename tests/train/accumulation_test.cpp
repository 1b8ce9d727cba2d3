// forward, backward and update apart: several batches in one update, compared with one large batch; what is rejected;
// and that a rejected batch leaves no trace.
#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>
#include <tinycnn/train/tensors.hpp>

#include "../support/close.hpp"
#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

using Plain = Sequential<Conv2d<2, 5, 3, Padding<1>>, ReLU, MaxPool<2>, Flatten, Linear<45, 40>, ReLU, Linear<40, 3>>;
using WithNorm = Sequential<Conv2d<2, 5, 3, Padding<1>>, BatchNorm<5>, ReLU, Flatten, Dropout<>, Linear<180, 3>>;

constexpr int capacity = 8, size = 2 * 6 * 6;

template <class Net, class Backend, class Optimizer = Adam>
using ModelOf = Trainer<Net, Image<2, 6, 6>, Batch<capacity>, CrossEntropy, Optimizer, Constant, Backend>;

template <class Model>
typename Model::Options options(int accumulate, int threads = 2) {
  return {.schedule = {1e-2}, .clip_norm = 0.2, .seed = 3, .threads = threads, .accumulate = accumulate};
}

/// One large batch, different for every step.
struct Samples {
  explicit Samples(int step) {
    for (std::size_t i = 0; i < capacity * size; ++i) images.push_back(2 * uniform(9, std::uint64_t(step), i) - 1);
    for (int n = 0; n < capacity; ++n) labels.push_back((step + n) % 3);
  }
  [[nodiscard]] Minibatch part(int first, int n) const {
    return {.n = n, .images = images.data() + first * size, .labels = labels.data() + first};
  }
  std::vector<float> images;  // (N, C, H, W)
  std::vector<int> labels;    // (N)
};

/// An update in parts of the given sizes.
template <class Model>
StepResult update_in_parts(Model& model, const Samples& samples, std::initializer_list<int> sizes) {
  int first = 0;
  for (const int n : sizes) {
    model.forward(samples.part(first, n));
    model.backward();
    first += n;
  }
  return model.update();
}

template <class Model>
std::vector<double> values_of(const Model& model) {
  const auto state = model.state();
  std::vector<double> all(state.parameters, state.parameters + Model::graph.trained_storage);
  all.insert(all.end(), state.buffers, state.buffers + Model::graph.buffer_storage);
  return all;
}

template <class Model>
std::string bytes_of(const Model& model, const ScratchFolder& folder) {
  model.save_checkpoint(folder / "bytes");
  return read_file(folder / "bytes");
}

}  // namespace

TEST_CASE_TEMPLATE("uneven parts in one update are equal to one large batch", Backend, Reference<double>, Cpu<>,
                   Remote<Reference<double>>, Remote<Cpu<>>) {
  using Model = ModelOf<Plain, Backend, SGD>;  // not Adam, whose steps are signs where gradients are rounding noise
  const double bound = sizeof(typename Backend::Compute) == 8 ? 1e-12 : 1e-5;
  Model whole(options<Model>(1)), parts(options<Model>(4));
  for (int step = 0; step < 5; ++step) {
    const Samples samples(step);
    const StepResult one = whole.step(samples.part(0, 8));
    const StepResult many =
        step % 2 == 0 ? update_in_parts(parts, samples, {5, 2, 1}) : update_in_parts(parts, samples, {1, 3, 3, 1});
    CHECK(many.loss == doctest::Approx(one.loss).epsilon(bound));
    CHECK(many.correct == one.correct);
    CHECK(one.grad_norm > 0.2);  // clipped
    CHECK(many.grad_norm == doctest::Approx(one.grad_norm).epsilon(bound));
    check_close("parameters", values_of(parts), values_of(whole), bound);
  }
  CHECK(parts.steps() == 5);
}

TEST_CASE_TEMPLATE("one batch in parts of one has the bits of a step, and k batches on any number of threads the same",
                   Backend, Cpu<>, Reference<>, Remote<Cpu<>>) {
  using Model = ModelOf<WithNorm, Backend>;
  const ScratchFolder folder;
  Model step(options<Model>(1)), apart(options<Model>(1)), room(options<Model>(3));
  for (int i = 0; i < 4; ++i) {
    const Samples samples(i);
    step.step(samples.part(0, 7));
    update_in_parts(apart, samples, {7});
    i % 2 == 0 ? update_in_parts(room, samples, {7}) : room.step(samples.part(0, 7));
  }
  CHECK(bytes_of(apart, folder) == bytes_of(step, folder));
  CHECK(bytes_of(room, folder) == bytes_of(step, folder));

  Model one(options<Model>(3, 1)), three(options<Model>(3, 3));
  for (int i = 0; i < 4; ++i)
    for (Model* each : {&one, &three}) update_in_parts(*each, Samples(i), {3, 2, 3});
  CHECK(bytes_of(one, folder) == bytes_of(three, folder));
}

TEST_CASE("BatchNorm counts every batch, and every batch of an update has dropout masks of its own") {
  using Model = ModelOf<WithNorm, Cpu<>>;
  Model model(options<Model>(2));
  const Samples samples(1);
  model.forward(samples.part(0, 4));
  const std::vector<double> before = values_of(model);
  CHECK(before.back() == 0);  // forward alone changes nothing: Model has no other buffer behind the counter
  model.backward();
  const auto counter = [&] { return model.state().at(Model::graph.parameters[6], 0); };
  CHECK(Model::graph.parameters[6].name == "num_batches_tracked");
  CHECK(counter() == 1);
  const double alone = model.forward(samples.part(0, 4)).loss_sum;
  model.discard();
  CHECK(counter() == 0);
  CHECK(model.forward(samples.part(0, 4)).loss_sum != alone);  // the same batch as the first one of an update
  model.backward();
  model.forward(samples.part(4, 4));
  model.backward();
  CHECK(counter() == 2);
  model.update();
  CHECK(counter() == 2);
}

TEST_CASE_TEMPLATE("a part that is not finite drops the update and leaves no trace", Backend, Cpu<>, Reference<>,
                   Remote<Cpu<>>) {
  using Model = ModelOf<WithNorm, Backend>;
  const ScratchFolder folder;
  Model model(options<Model>(3)), untroubled(options<Model>(3));
  for (Model* each : {&model, &untroubled}) update_in_parts(*each, Samples(0), {4, 4});
  const std::string before = bytes_of(model, folder);

  Samples broken(1);
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), 3e38f}) {
    broken.images[5 * size + 3] = wrong;
    const std::string said = error_of([&] { update_in_parts(model, broken, {4, 4}); });
    CHECK(contains(said, "step 2"));
    CHECK(contains(said, "nothing was updated"));
    CHECK(bytes_of(model, folder) == before);
    CHECK(contains(error_of([&] { model.update(); }), "update was called without a backward"));
  }
  for (Model* each : {&model, &untroubled}) update_in_parts(*each, Samples(2), {4, 4});
  CHECK(bytes_of(model, folder) == bytes_of(untroubled, folder));
}

TEST_CASE("calls in the wrong order are rejected and change nothing") {
  using Model = ModelOf<WithNorm, Cpu<>>;
  const ScratchFolder folder;
  Model model(options<Model>(2)), untroubled(options<Model>(2));
  const Samples samples(0);
  const auto batch = samples.part(0, 4), next = samples.part(4, 4);
  const std::string none = "backward was called without a forward";
  CHECK(contains(error_of([&] { model.backward(); }), none));
  CHECK(contains(error_of([&] { model.update(); }), "update was called without a backward"));
  model.forward(batch);
  CHECK(contains(error_of([&] { model.update(); }), "update was called without a backward"));
  model.evaluate(batch);
  CHECK(contains(error_of([&] { model.backward(); }), none));
  model.forward(batch);
  model.backward();
  CHECK(contains(error_of([&] { model.backward(); }), none));
  CHECK(contains(error_of([&] { model.step(batch); }), "step was called while the gradients of 1 batches wait"));
  CHECK(contains(error_of([&] { model.save_checkpoint(folder / "none"); }), "the gradients of 1 batches wait"));
  model.evaluate(batch);  // between two parts it changes nothing
  model.forward(next);
  model.backward();
  model.forward(next);
  CHECK(contains(error_of([&] { model.backward(); }), "backward was called more than 2 times before update"));
  model.schedule().base = -1;
  CHECK(contains(error_of([&] { model.update(); }), "step 1: the schedule gives the learning rate -1"));
  model.schedule().base = 1e-2;
  model.update();
  update_in_parts(untroubled, samples, {4, 4});
  CHECK(bytes_of(model, folder) == bytes_of(untroubled, folder));
  CHECK(contains(error_of([&] { model.forward(samples.part(0, 0)); }), "a batch of 0 samples"));
  CHECK(contains(error_of([&] { const Model none_at_all(options<Model>(0)); }), "accumulate"));
}

TEST_CASE("gradients by name") {
  using Model = ModelOf<WithNorm, Cpu<>>;
  Model model(options<Model>(2));
  const Samples samples(0);
  model.step(samples.part(0, 8));
  const auto gradient = tensor_of(model.gradient_state(), "5.weight");
  CHECK(gradient.data == model.gradients() + Model::graph.parameters[Model::graph.parameter_count - 2].offset);
  CHECK(contains(error_of([&] { tensor_of(model.gradient_state(), "1.running_mean"); }),
                 "'1.running_mean' is a buffer, which has no gradient"));
}
