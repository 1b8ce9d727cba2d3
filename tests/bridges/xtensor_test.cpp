// The interface to xtensor: views show the network's own memory in PyTorch's shapes, on every backend; batches point
// into the caller's arrays.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <xtensor/xview.hpp>

#include <tinycnn/tinycnn.hpp>
#include <tinycnn/xtensor.hpp>

#include "../support/nets.hpp"
#include "../support/scratch_folder.hpp"

using namespace tinycnn;

namespace {

using Input = nets::SmallHw3Input;
constexpr int classes = nets::small_hw3_classes;
constexpr int conv_weight = 7;  // "4.weight" (7, 5, 3, 3) among the parameters
using Shape = std::vector<std::size_t>;

xt::xarray<float> drawn(std::size_t count) {
  xt::xarray<float> images = xt::zeros<float>(Shape{count, 3, 11, 9});
  for (std::size_t i = 0; i < images.size(); ++i) images.data()[i] = uniform(23, 1, i);
  return images;
}
xt::xtensor<int, 1> drawn_labels(std::size_t count) {
  xt::xtensor<int, 1> labels = xt::zeros<int>({count});
  for (std::size_t i = 0; i < count; ++i) labels(i) = int(i) % classes;
  return labels;
}

template <class Array>
bool has_shape(const Array& array, const Shape& shape) {
  return Shape(array.shape().begin(), array.shape().end()) == shape;
}

/// Whether a view refers to the elements of `t` in its memory, all in the right order.
template <class Array, class T>
bool is_in_place(const Array& view, const Tensor<T>& t) {
  if (long(view.size()) != t.size()) return false;
  long i = 0;
  for (auto element = view.template begin<xt::layout_type::row_major>();
       element != view.template end<xt::layout_type::row_major>(); ++element)
    if (&*element != &t.element(i++)) return false;
  return true;
}

}  // namespace

TEST_CASE_TEMPLATE("parameters are xtensor views in place", Backend, Cpu<>, Reference<>, Reference<double>) {
  nets::SmallHw3Training<Backend> model({.seed = 3});
  const auto state = model.state();
  const auto conv = tensor_of(state, "4.weight");
  const auto weight = xtensor::view(conv);
  CHECK(has_shape(weight, {7, 5, 3, 3}));
  CHECK(is_in_place(weight, conv));
  CHECK(&weight(6, 4, 1, 2) == &state.at(model.graph.parameters[conv_weight], ((6 * 5 + 4) * 3 + 1) * 3 + 2));
  const auto bias = tensor_of(state, "4.bias"), matrix = tensor_of(state, "11.weight");
  CHECK(has_shape(xtensor::view(bias), {7}));
  CHECK(is_in_place(xtensor::view(bias), bias));
  CHECK(has_shape(xtensor::view(matrix), {6, 9}));
  CHECK(is_in_place(xtensor::view(matrix), matrix));
  CHECK(xtensor::view(tensor_of(state, "1.num_batches_tracked")).dimension() == 0);
}

TEST_CASE("a tensor that no strides describe is rejected, but can be taken apart or copied in PyTorch's order") {
  nets::SmallHw3Training<Cpu<>> fast({.seed = 3});
  nets::SmallHw3Training<Reference<>> plain({.seed = 3});
  const Tensor<float> there = tensor_of(fast.state(), "9.weight"), expected = tensor_of(plain.state(), "9.weight");
  const std::string error = error_of([&] { (void)xtensor::view(there); });
  CHECK(contains(error, "'9.weight'"));
  CHECK(contains(error, "apart()"));
  CHECK(has_shape(xtensor::view(there.apart()), {9, 7, 2, 2}));
  CHECK(is_in_place(xtensor::view(there.apart()), there));
  CHECK(has_shape(xtensor::copy(there), {9, 28}));
  CHECK(xtensor::copy(there) == xtensor::view(expected));  // the same values in a backend with PyTorch's layout
}

TEST_CASE_TEMPLATE("writing through a view changes the network's output", Backend, Cpu<>, Reference<>) {
  const ScratchFolder folder;
  nets::SmallHw3Training<Backend> model({.seed = 3});
  model.save(folder / "net.safetensors");
  nets::SmallHw3Predicting<Backend> network(folder / "net.safetensors", 1);
  const xt::xarray<float> images = drawn(6);  // more than the capacity
  const xt::xtensor<float, 2> logits = xtensor::predict(network, images);
  auto weight = xtensor::view(tensor_of(network.state(), "13.weight"));
  auto bias = xtensor::view(tensor_of(network.state(), "13.bias"));
  weight *= 0.0f;
  bias = xt::xtensor<float, 1>{1, 2, 3, 4};
  network.prepare();
  const xt::xtensor<float, 2> written = xtensor::predict(network, images);
  CHECK(logits != written);
  CHECK(written == xt::broadcast(xt::xtensor<float, 1>{1, 2, 3, 4}, {6, 4}));
}

TEST_CASE_TEMPLATE("activations are xtensor views of the plan's memory", Backend, Cpu<>, Reference<>) {
  const ScratchFolder folder;
  nets::SmallHw3Training<Backend> model({.seed = 3});
  model.save(folder / "net.safetensors");
  nets::SmallHw3Predicting<Backend, ForwardPrefix<8>> network(folder / "net.safetensors", 1);
  const xt::xarray<float> images = drawn(4);
  const auto expected = xtensor::predict(network, images);
  CHECK(has_shape(expected, {4, 7, 2, 2}));
  const View<const float> left = network.predict(images.data(), 4);
  const auto features = xtensor::view(tensor_of(left, 4));
  CHECK(&features(3, 6, 1, 0) == &left(3, 6, 1, 0));
  CHECK(features == expected);
}

TEST_CASE("a batch points into the arrays it is made from, and unsuitable arrays are rejected") {
  const xt::xarray<float> images = drawn(12);
  const xt::xtensor<int, 1> labels = drawn_labels(12);
  const Dims sample = nets::SmallHw3Training<Cpu<>>::graph.input;
  const Minibatch part = xtensor::batch(sample, xt::view(images, xt::range(4, 7)), xt::view(labels, xt::range(4, 7)));
  CHECK(part.n == 3);
  CHECK(part.images == &images(4, 0, 0, 0));
  CHECK(part.labels == &labels(4));

  nets::SmallHw3Training<Cpu<>> one({.seed = 3}), other({.seed = 3});
  CHECK(one.step(part).loss == other.step(part.images, part.labels, 3).loss);

  const auto error = [&](const auto& x, const auto& y) {
    return error_of([&] { (void)xtensor::batch(sample, x, y); });
  };
  CHECK(contains(error(xt::xarray<float>::from_shape({12, 297}), labels), "shape (12, 297)"));
  CHECK(contains(error(xt::xarray<float>::from_shape({12, 3, 9, 11}), labels), "takes (N, 3, 11, 9)"));
  CHECK(contains(error(images, xt::view(labels, xt::range(4, 7))), "labels of shape (3) were given for 12 images"));
  CHECK(contains(error(xt::view(drawn(24), xt::range(0, 24, 2)), labels), "not contiguous"));
  const xt::xarray<float, xt::layout_type::column_major> turned = images;
  CHECK(contains(error(turned, labels), "not contiguous"));
  CHECK(contains(error_of([&] { one.step(xtensor::batch(sample, images, labels)); }), "1 to 4"));
}
