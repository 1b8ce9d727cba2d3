// Loading what fits of a file, from other element types and from memory; models that are moved.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "../support/remote_backend.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

struct Body : Sequential<Conv2d<3, 4, 3>, BatchNorm<4>, ReLU, GlobalAvgPool, Flatten> {
  static constexpr std::string_view name = "body";
};
template <int Classes>
struct Head : Sequential<Linear<4, Classes>> {
  static constexpr std::string_view name = "head";
};
template <int Classes>
struct WithHead : Sequential<Body, Head<Classes>> {};
struct BodyAndNorm : Sequential<Body, BatchNorm<4>, Linear<4, 2>> {};
using Picture = Image<3, 6, 5>;

template <class Net, class Backend = Cpu<>>
using Model = Trainer<Net, Picture, Batch<4>, CrossEntropy, Adam, Constant, Backend>;

template <class M>
M trained(std::uint64_t seed, int steps = 2) {
  M model({.schedule = {1e-2}, .seed = seed});
  std::vector<float> images(std::size_t(4 * model.graph.input.size()));
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = uniform(seed, 1, i);
  const int labels[] = {0, 1, 0, 1};
  for (int i = 0; i < steps; ++i) model.step(images.data(), labels, 4);
  return model;
}

/// The elements of a parameter in PyTorch's order.
template <class M>
std::vector<float> values(const M& model, const std::string& name) {
  const auto state = model.state();
  for (int k = 0; k < model.graph.parameter_count; ++k) {
    const Parameter& p = model.graph.parameters[k];
    if (parameter_name(model.graph, p) != name) continue;
    std::vector<float> all;
    for (std::int64_t i = 0; i < p.size(); ++i) all.push_back(float(state.at(p, i)));
    return all;
  }
  throw Error("no parameter " + name);
}

TEST_CASE_TEMPLATE("a new head on old features: what fits is loaded, the rest is reported", Backend, Cpu<>,
                   Remote<Cpu<>>) {
  const ScratchFolder folder;
  auto old = trained<Model<WithHead<3>, Backend>>(1);
  old.save(folder / "old");
  auto wider = trained<Model<WithHead<5>, Backend>>(2);
  const std::vector<float> head = values(wider, "head.0.weight");
  CHECK(contains(error_of([&] { wider.load(folder / "old"); }), "has shape (3, 4), the network's has (5, 4)"));
  CHECK(values(wider, "body.0.weight") != values(old, "body.0.weight"));

  const LoadReport report = wider.load(folder / "old", Strict::no);
  CHECK(report.missing.empty());
  CHECK(report.unexpected.empty());
  CHECK(report.reshaped == std::vector<std::string>{"'head.0.weight' has shape (3, 4), the network's has (5, 4)",
                                                    "'head.0.bias' has shape (3), the network's has (5)"});
  CHECK(report.loaded == 7);
  CHECK(report.converted == "");
  CHECK(contains(report.text(), "of another shape 'head.0.weight'"));
  for (const char* name : {"body.0.weight", "body.0.bias", "body.1.running_var", "body.1.num_batches_tracked"})
    CHECK(values(wider, name) == values(old, name));
  CHECK(values(wider, "head.0.weight") == head);

  auto other = trained<Model<BodyAndNorm, Backend>>(3);
  const LoadReport second = other.load(folder / "old", Strict::no);
  CHECK(second.missing ==
        std::vector<std::string>{"1.weight", "1.bias", "1.running_mean", "1.running_var", "2.weight", "2.bias"});
  CHECK(second.unexpected == std::vector<std::string>{"head.0.bias", "head.0.weight"});
  CHECK(values(other, "1.num_batches_tracked") == std::vector<float>{0});  // a missing counter is 0
}

TEST_CASE("a file with nothing that fits is an error even if loading is not strict") {
  const ScratchFolder folder;
  using Small = Trainer<Sequential<Flatten, Linear<90, 2>>, Picture, Batch<4>>;
  trained<Small>(1).save(folder / "small");
  auto model = trained<Model<WithHead<3>>>(2);
  CHECK(contains(error_of([&] { model.load(folder / "small", Strict::no); }),
                 "has no tensor that the network could take: missing body.0.weight"));
}

TEST_CASE("half precision, bfloat16 and double are converted, and the report says so") {
  const ScratchFolder folder;
  auto model = trained<Model<WithHead<3>>>(1);
  // 1.5, -2, 2^-24 (the least half) and 65504 (the largest); their upper 16 bits as floats for bfloat16.
  const std::uint16_t half[] = {0x3e00, 0xc000, 0x0001, 0x7bff};
  const std::uint16_t brain[] = {0x3fc0, 0xc000, 0x3380, 0x4780};
  const double wide[] = {1.5, -2, 0x1p-24, 65504};
  for (const std::string dtype : {"F16", "BF16", "F64"}) {
    SafetensorsWriter writer;
    const void* data = dtype == "F16" ? (const void*)half : dtype == "BF16" ? (const void*)brain : (const void*)wide;
    writer.add("body.0.bias", dtype, {4}, data);
    writer.write(folder / dtype);
    const LoadReport report = model.load(folder / dtype, Strict::no);
    CHECK(report.converted == dtype);
    CHECK(contains(report.text(), "converted from " + dtype));
    CHECK(values(model, "body.0.bias") ==
          std::vector<float>{1.5f, -2, 0x1p-24f, dtype == "BF16" ? 65536.0f : 65504.0f});
  }
}

TEST_CASE("float_of_half is exact for every half") {
  for (int sign = 0; sign < 2; ++sign)
    for (int exponent = 0; exponent < 31; ++exponent)
      for (int fraction = 0; fraction < 1024; ++fraction) {
        const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
        const float got = float_of_half(std::uint16_t(sign << 15 | exponent << 10 | fraction));
        if (double(got) != (sign ? -magnitude : magnitude) || std::signbit(got) != bool(sign)) {
          CAPTURE(exponent);
          CAPTURE(fraction);
          FAIL_CHECK(got);
        }
      }
  CHECK(float_of_half(0x7c00) == INFINITY);
  CHECK(float_of_half(0xfc00) == -INFINITY);
  CHECK(std::isnan(float_of_half(0x7e01)));
  CHECK(float_of_bfloat16(0xc040) == -3.0f);
}

TEST_CASE("weights in memory are the bytes of the file, and load from it") {
  const ScratchFolder folder;
  const auto model = trained<Model<WithHead<3>>>(1);
  model.save(folder / "file");
  const std::vector<std::byte> bytes = model.save_to_memory();
  const std::string file = read_file(folder / "file");
  REQUIRE(bytes.size() == file.size());
  CHECK(std::memcmp(bytes.data(), file.data(), file.size()) == 0);

  auto other = trained<Model<WithHead<3>>>(2);
  CHECK(other.load(bytes) == "");
  CHECK(other.save_to_memory() == bytes);
  Predictor<WithHead<3>, Picture, Batch<4>> predictor;
  predictor.load(bytes);
  std::vector<float> images(std::size_t(4 * other.graph.input.size()), 0.25f), a(12), b(12);
  other.predict(images.data(), 4, a.data());
  predictor.predict(images.data(), 4, b.data());
  CHECK(a == b);

  for (const std::size_t size : {std::size_t(0), std::size_t(7), std::size_t(20), bytes.size() - 1}) {
    const std::string error = error_of([&] { other.load(std::span(bytes).first(size)); });
    CHECK(contains(error, "'the bytes in memory' is not a sound safetensors file"));
  }
}

TEST_CASE("models can be moved, with threads, and compute on as before") {
  using M = Model<WithHead<3>>;
  static_assert(std::is_nothrow_move_constructible_v<M> && std::is_nothrow_move_assignable_v<M>);
  static_assert(std::is_nothrow_move_constructible_v<Predictor<WithHead<3>, Picture, Batch<4>>>);
  static_assert(!std::is_copy_constructible_v<M>);
  const std::vector<std::byte> expected = trained<M>(1, 4).save_to_memory();
  std::vector<M> models;
  for (int i = 0; i < 5; ++i) models.push_back(M({.schedule = {1e-2}, .seed = 1, .threads = 1 + i % 3}));
  std::vector<float> images(std::size_t(4 * M::graph.input.size()));
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = uniform(1, 1, i);
  const int labels[] = {0, 1, 0, 1};
  for (int step = 0; step < 4; ++step) {
    for (M& model : models) model.step(images.data(), labels, 4);
    std::swap(models.front(), models.back());
  }
  for (const M& model : models) CHECK(model.save_to_memory() == expected);
}

TEST_CASE("default arguments, shapes and counts without a Trainer") {
  static_assert(std::is_same_v<Trainer<WithHead<3>, Picture, Batch<4>>, Model<WithHead<3>>>);
  static_assert(
      std::is_same_v<Predictor<WithHead<3>, Picture, Batch<4>>, Predictor<WithHead<3>, Picture, Batch<4>, Cpu<>>>);
  static_assert(output_dims<Body, Picture> == Dims{4, 1, 1, true});
  static_assert(parameter_count<WithHead<3>, Picture> == 3 * 4 * 9 + 4 + 8 + 15);
  CHECK(describe<WithHead<3>, Picture>() == describe(Model<WithHead<3>>::plan));
  CHECK(describe<WithHead<3>, Picture, Prediction>().find("backward") == std::string::npos);
  CHECK(contains(summary<WithHead<3>, Picture>(), "head.0"));
}

}  // namespace
