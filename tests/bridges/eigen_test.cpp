// The interface to Eigen: maps show the network's own memory in PyTorch's shapes, on every backend; batches point into
// the caller's matrices.
#include <doctest/doctest.h>

#include <tinycnn/eigen.hpp>
#include <tinycnn/tinycnn.hpp>

#include "../support/nets.hpp"
#include "../support/scratch_folder.hpp"

using namespace tinycnn;

namespace {

using Input = nets::SmallHw3Input;
constexpr int classes = nets::small_hw3_classes;
constexpr int conv_weight = 7;  // "4.weight" (7, 5, 3, 3) among the parameters

eigen::Matrix<float> drawn(int count) {
  eigen::Matrix<float> images(count, Input::dims.size());
  for (long i = 0; i < images.size(); ++i) images.data()[i] = uniform(23, 1, std::uint64_t(i));
  return images;
}
Eigen::VectorXi drawn_labels(int count) {
  return Eigen::VectorXi::NullaryExpr(count, [](Eigen::Index i) { return int(i) % classes; });
}

/// Whether a map refers to the elements of `t` in its memory, all in the right order.
template <class T>
bool is_in_place(const eigen::Map<T>& map, const Tensor<T>& t) {
  bool same = map.size() == t.size();
  for (long i = 0; same && i < t.size(); ++i)
    same = &t.element(i) == map.data() + i / map.cols() * map.outerStride() + i % map.cols() * map.innerStride();
  return same;
}

}  // namespace

TEST_CASE_TEMPLATE("parameters are Eigen maps in place", Backend, Cpu<>, Reference<>, Reference<double>) {
  nets::SmallHw3Training<Backend> model({.seed = 3});
  const auto state = model.state();
  const auto conv = tensor_of(state, "4.weight");  // (7, 5, 3, 3)
  const auto bias = tensor_of(state, "4.bias");
  const auto matrix = tensor_of(state, "11.weight");  // (6, 9)
  CHECK(is_in_place(eigen::map(bias), bias));
  CHECK(eigen::map(bias).rows() == 7);
  CHECK(is_in_place(eigen::map(matrix), matrix));
  CHECK(eigen::map(matrix).rows() == 6);
  for (int o = 0; o < 7; ++o) {
    CHECK(is_in_place(eigen::map(conv[o]), conv[o]));  // (I, R * S)
    CHECK(eigen::map(conv[o]).rows() == 5);
    for (int i = 0; i < 5; ++i) {
      const auto kernel = eigen::map(conv[o][i]);  // (R, S)
      REQUIRE((kernel.rows() == 3 && kernel.cols() == 3));
      CHECK(&kernel(1, 2) == &state.at(model.graph.parameters[conv_weight], ((o * 5 + i) * 3 + 1) * 3 + 2));
    }
  }
}

TEST_CASE_TEMPLATE("kernels of one input channel or one pixel are Eigen maps as a whole", Backend, Cpu<>, Reference<>) {
  using Separable = Sequential<Conv2d<4, 4, 3, Groups<4>>, Conv2d<4, 6, 1>, Flatten, Linear<54, 3>>;
  Trainer<Separable, Image<4, 5, 5>, Batch<2>, CrossEntropy, SGD, Constant, Backend> model({});
  const auto depthwise = tensor_of(model.state(), "0.weight"), pointwise = tensor_of(model.state(), "1.weight");
  CHECK(is_in_place(eigen::map(depthwise), depthwise));  // (4, 3 * 3)
  CHECK(is_in_place(eigen::map(pointwise), pointwise));  // (6, 4)
}

TEST_CASE("a tensor that no strides describe is rejected, but can be copied in PyTorch's order") {
  nets::SmallHw3Training<Cpu<>> fast({.seed = 3});
  nets::SmallHw3Training<Reference<>> plain({.seed = 3});
  for (const char* name : {"4.weight", "9.weight"}) {  // a kernel's (I, R, S) and a flattened (C, H, W) as columns
    const Tensor<float> there = tensor_of(fast.state(), name), expected = tensor_of(plain.state(), name);
    const std::string error = error_of([&] { (void)eigen::map(there); });
    CHECK(contains(error, "'" + std::string(name) + "'"));
    CHECK(contains(error, "copy() it"));
    CHECK(eigen::copy(there) == eigen::map(expected));  // the same values in a backend with PyTorch's layout
  }
  const Tensor<float> behind_flatten = tensor_of(fast.state(), "9.weight").apart();  // (9, 7, 2, 2)
  CHECK(is_in_place(eigen::map(behind_flatten[8]), behind_flatten[8]));
  CHECK(eigen::map(behind_flatten[8]).rows() == 7);
}

TEST_CASE_TEMPLATE("writing through a map changes the network's output", Backend, Cpu<>, Reference<>) {
  const ScratchFolder folder;
  nets::SmallHw3Training<Backend> model({.seed = 3});
  const eigen::Matrix<float> images = drawn(3);
  const Eigen::VectorXi labels = drawn_labels(3);
  const double before = model.evaluate(eigen::batch(model.graph.input, images, labels)).loss_sum;
  model.save(folder / "net.safetensors");
  eigen::map(tensor_of(model.state(), "13.bias")) = Eigen::Vector4f(5, 0, 0, 0);
  CHECK(model.evaluate(eigen::batch(model.graph.input, images, labels)).loss_sum != before);

  nets::SmallHw3Predicting<Backend> network(folder / "net.safetensors", 1);
  const eigen::Matrix<float> logits = eigen::predict(network, images);
  eigen::map(tensor_of(network.state(), "13.weight")).setZero();
  eigen::map(tensor_of(network.state(), "13.bias")) = Eigen::Vector4f(1, 2, 3, 4);
  network.prepare();
  const eigen::Matrix<float> written = eigen::predict(network, images);
  CHECK(logits != written);
  for (int n = 0; n < 3; ++n) CHECK(written.row(n) == Eigen::RowVector4f(1, 2, 3, 4));
}

TEST_CASE_TEMPLATE("activations are Eigen maps of the plan's memory", Backend, Cpu<>, Reference<>) {
  const ScratchFolder folder;
  nets::SmallHw3Training<Backend> model({.seed = 3});
  model.save(folder / "net.safetensors");
  nets::SmallHw3Predicting<Backend, ForwardPrefix<8>> network(folder / "net.safetensors", 1);  // (7, 2, 2)
  const eigen::Matrix<float> images = drawn(4), expected = eigen::predict(network, images);
  const View<const float> view = network.predict(images.data(), 4);
  const Tensor<const float> features = tensor_of(view, 4);
  for (int n = 0; n < 4; ++n) {
    const auto sample = eigen::map(features[n]);  // (C, H * W)
    CHECK(sample.data() == view.sample(n));
    REQUIRE((sample.rows() == 7 && sample.cols() == 4));
    for (int c = 0; c < 7; ++c) {
      CHECK(sample.row(c) == expected.block(n, 4 * c, 1, 4));
      CHECK(&eigen::map(features[n][c]).coeffRef(1, 0) == &view(n, c, 1, 0));
    }
  }
  CHECK(eigen::copy(features) == expected);

  nets::SmallHw3Predicting<Backend, ForwardPrefix<11>> hidden(folder / "net.safetensors", 1);  // nine features
  const View<const float> rows = hidden.predict(images.data(), 4);
  CHECK(eigen::map(tensor_of(rows, 4)).data() == rows.data);
  CHECK(eigen::map(tensor_of(rows, 4)) == eigen::predict(hidden, images));
}

TEST_CASE("a batch points into the matrices it is made from, and unsuitable matrices are rejected") {
  const eigen::Matrix<float> images = drawn(12);
  const Eigen::VectorXi labels = drawn_labels(12);
  const Dims sample = nets::SmallHw3Training<Cpu<>>::graph.input;
  const Minibatch part = eigen::batch(sample, images.middleRows(4, 3), labels.segment(4, 3));
  CHECK(part.n == 3);
  CHECK(part.images == images.data() + 4 * images.cols());
  CHECK(part.labels == labels.data() + 4);

  nets::SmallHw3Training<Cpu<>> one({.seed = 3}), other({.seed = 3});
  CHECK(one.step(part).loss == other.step(part.images, part.labels, 3).loss);

  const auto error = [&](const auto& x, const auto& y) { return error_of([&] { (void)eigen::batch(sample, x, y); }); };
  CHECK(contains(error(images.leftCols(5), labels), "(3, 11, 9): 297 columns"));
  CHECK(contains(error(images, labels.head(5)), "5 labels were given for 12 images"));
  const eigen::Matrix<float> wider = eigen::Matrix<float>::Zero(12, 300);
  CHECK(contains(error(wider.leftCols(297), labels), "whole rows"));
  CHECK(contains(error_of([&] { one.step(eigen::batch(sample, images, labels)); }), "1 to 4"));
}
