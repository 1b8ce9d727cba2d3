// Resuming a run: checkpoints restore the state bitwise, invalid ones change nothing, a folder has one run at a time,
// Ctrl-C sets the interrupt flag, and damaged pictures are found before an epoch.
#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>
#include <tinycnn/vision/encode.hpp>

#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

constexpr int samples = 4;

/// A network with everything that a checkpoint must restore: buffers, dropout masks that depend on the step, moments.
struct Net
    : Sequential<Conv2d<2, 6, 3, Padding<1>>, BatchNorm<6>, ReLU, MaxPool<2>, Flatten, Dropout<>, Linear<54, 3>> {};

template <class Backend, class Optimizer>
using ModelOn = Trainer<Net, Image<2, 6, 6>, Batch<samples>, CrossEntropy, Optimizer, LinearWarmup<Constant>, Backend>;

template <class Model>
typename Model::Options options() {
  typename Model::Options o;
  o.schedule = {.then = {1e-2}, .warmup = 5};
  o.clip_norm = 1;
  o.seed = 3;
  o.threads = 2;
  return o;
}

/// Runs steps [begin, end) of a fixed sequence of batches.
template <class Model>
void train(Model& model, int begin, int end) {
  for (int step = begin; step < end; ++step) {
    std::vector<float> images(std::size_t(samples) * Model::graph.input.size());  // (N,C,H,W)
    std::vector<int> labels(samples);
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = float(uniform(9, std::uint64_t(step), i));
    for (int n = 0; n < samples; ++n) labels[std::size_t(n)] = (step + n) % 3;
    model.step(images.data(), labels.data(), samples);
  }
}

template <class Model>
std::string bytes_of(Model& model, const ScratchFolder& folder) {
  model.save_checkpoint(folder / "bytes");
  return read_file(folder / "bytes");
}

}  // namespace

TEST_CASE_TEMPLATE("a checkpoint restores the state bitwise", Model, ModelOn<Cpu<>, Adam>, ModelOn<Cpu<>, SGD>,
                   ModelOn<Reference<double>, Adam>, ModelOn<Remote<Cpu<>>, Adam>, ModelOn<Remote<Reference<>>, SGD>) {
  const ScratchFolder folder;
  Model whole(options<Model>());
  train(whole, 0, 7);

  Model first(options<Model>());
  train(first, 0, 4);
  Notes notes;
  notes.add("epoch", 2);
  notes.add("loss", 0.1 + 0.2);
  notes.add("order", "a \"quoted\" name, and a line\n");
  first.save_checkpoint(folder / "last.ckpt", notes);

  Model second(options<Model>());
  train(second, 0, 1);
  second.load_checkpoint(folder / "last.ckpt");
  CHECK(second.steps() == 4);
  CHECK(bytes_of(second, folder) == bytes_of(first, folder));
  train(second, 4, 7);
  CHECK(bytes_of(second, folder) == bytes_of(whole, folder));

  const Notes read = read_notes(folder / "last.ckpt");
  CHECK(read.number<int>("epoch", "", 0, 10) == 2);
  CHECK(read.number<double>("loss", "", 0, 1) == 0.1 + 0.2);
  CHECK(*read.find("order") == "a \"quoted\" name, and a line\n");
}

TEST_CASE("an invalid checkpoint changes nothing, and the error says why") {
  using Model = ModelOn<Cpu<>, Adam>;
  const ScratchFolder folder;
  Model model(options<Model>());
  train(model, 0, 2);
  model.save_checkpoint(folder / "last.ckpt");
  model.save(folder / "weights");
  const std::string sound = read_file(folder / "last.ckpt"), before = bytes_of(model, folder);
  const auto told = [&](const std::string& bytes) {
    put_file(folder / "wrong", bytes);
    const std::string error = error_of([&] { model.load_checkpoint(folder / "wrong"); });
    CHECK(contains(error, folder / "wrong"));
    CHECK(!contains(error, "\n"));
    CHECK(bytes_of(model, folder) == before);
    return error;
  };
  const auto with = [&](const std::string& old, const std::string& text) {
    std::string bytes = sound;
    REQUIRE(old.size() == text.size());
    return bytes.replace(bytes.find(old), old.size(), text);
  };
  CHECK(contains(told(""), "shorter than 8 bytes"));
  CHECK(contains(told(sound.substr(0, sound.size() - 1)), "is not a sound safetensors file"));
  CHECK(contains(told(sound + "x"), "is not a sound safetensors file"));
  CHECK(contains(told(read_file(folder / "weights")), "no checkpoint"));
  CHECK(contains(told(with("checkpoint\":\"1\"", "checkpoint\":\"2\"")), "version 2"));
  CHECK(contains(told(with("\"steps\":\"2\"", "\"steps\":\"x\"")), "its note 'steps' is 'x'"));
  CHECK(contains(told(with("\"steps\":\"2\"", "\"stops\":\"2\"")), "its note 'steps' is missing"));
  CHECK(contains(told(with("optimizer.1.0.weight", "optimizer.2.0.weight")), "missing optimizer.1.0.weight"));
  std::string infinite = sound;
  infinite.replace(infinite.size() - 4, 4, std::string("\x00\x00\x80\x7f", 4));
  CHECK(contains(told(infinite), "not finite"));
  CHECK(contains(error_of([&] { model.load_checkpoint(folder / "none"); }), "No such file"));
  CHECK(contains(error_of([&] { model.load(folder / "last.ckpt"); }), "and 8 more"));
}

TEST_CASE("a folder has one run at a time") {
  const ScratchFolder folder;
  {
    const FolderLock lock(folder.path);
    CHECK(contains(error_of([&] { const FolderLock second(folder.path); }), "another run is at work in"));
  }
  CHECK(error_of([&] { const FolderLock again(folder.path); }) == "");
  CHECK(contains(error_of([&] { const FolderLock lost(folder / "none"); }), "No such file"));
}

TEST_CASE("the first Ctrl-C sets the interrupt flag") {
  struct sigaction before, after;
  ::sigaction(SIGINT, nullptr, &before);
  for (const int signal : {SIGINT, SIGTERM}) {
    const InterruptFlag interrupt;
    CHECK(!interrupt.requested());
    std::raise(signal);
    CHECK(interrupt.requested());
    ::sigaction(signal, nullptr, &after);
    CHECK((after.sa_handler == SIG_DFL));  // the second one ends the process
  }
  ::sigaction(SIGINT, nullptr, &after);
  CHECK((after.sa_handler == before.sa_handler));
}

TEST_CASE("a loader finds all damaged pictures at once") {
  const ScratchFolder folder;
  make_directories(folder / "pictures");
  const Picture picture{3, 2, std::vector<std::uint8_t>(18, 7)};
  for (int i = 0; i < 7; ++i)
    put_file(folder / "pictures/" + std::to_string(i) + "_0.jpg", i % 3 == 2 ? "" : encode_jpeg(picture, 90));
  const ImageFolder images = list_folder(folder / "pictures");
  for (const std::string& cache : {std::string(), folder / "cache"}) {
    Loader loader(images, {3, 4, 4}, 3, 2, cache);
    for (int round = 0; round < 2; ++round) {
      const std::vector<DamagedPicture> found = loader.find_damaged();
      REQUIRE(found.size() == 2);
      CHECK(found[0].picture == 2);
      CHECK(found[1].picture == 5);
      CHECK(contains(found[1].why, "5_0.jpg': the file is empty"));
    }
    loader.begin_epoch({0, 1, 3});
    Minibatch batch;
    CHECK(loader.next(batch));
    CHECK(batch.n == 3);
  }
}

TEST_CASE("a summary lists every layer with its output shape and number of parameters") {
  const std::string text = summary(ModelOn<Cpu<>, Adam>::graph);
  CHECK(contains(text, "0                        Conv2d         (6, 6, 6)                 114\n"));
  CHECK(contains(text, "6                        Linear         (3)                       165\n"));
  CHECK(contains(text, "all                                                               291\n"));
}
