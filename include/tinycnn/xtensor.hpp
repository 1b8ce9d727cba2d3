// The interface to xtensor: parameters and activations as xtensor views, training and prediction on xtensor arrays.
// tinycnn.hpp does not include it. clang 19 compiles xtensor 0.24 only with -fno-relaxed-template-template-args.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>

#include <tinycnn/data/loader.hpp>
#include <tinycnn/train/tensors.hpp>

namespace tinycnn::xtensor {

/// A tensor as an xtensor view in PyTorch's shape, without a copy: writing to the view writes to the network. Throws an
/// Error if no strides describe that shape in the tensor's memory; then view(tensor.apart()) works.
template <class T>
[[nodiscard]] auto view(const Tensor<T>& tensor) {
  std::vector<std::size_t> shape;
  std::vector<std::ptrdiff_t> strides;
  std::size_t extent = 1;  // in memory, from the first element to the last
  for (int a = 0; a < tensor.count; a = tensor.next(a)) {
    const Axis axis = tensor.merged(a, tensor.next(a));
    shape.push_back(std::size_t(axis.extent));
    strides.push_back(axis.stride);
    extent += std::size_t((axis.extent - 1) * axis.stride);
  }
  return xt::adapt(tensor.data, extent, xt::no_ownership(), shape, strides);
}

/// The same as a copy, which works for every tensor.
template <class T>
[[nodiscard]] xt::xarray<std::remove_const_t<T>> copy(const Tensor<T>& tensor) {
  std::vector<std::size_t> shape;
  for (int a = 0; a < tensor.count; ++a)
    if (tensor.axes[a].joined)
      shape.back() *= std::size_t(tensor.axes[a].extent);
    else
      shape.push_back(std::size_t(tensor.axes[a].extent));
  xt::xarray<std::remove_const_t<T>> all = xt::xarray<std::remove_const_t<T>>::from_shape(shape);
  for (std::int64_t i = 0; i < tensor.size(); ++i) all.data()[i] = tensor.element(i);
  return all;
}

namespace detail {

/// Whether Array, an xtensor array or a view of one, stores elements of type Number in memory.
template <class Number, class Array>
concept InMemory = std::is_same_v<typename Array::value_type, Number> && requires(const Array& a) {
  { a.data() + a.data_offset() } -> std::convertible_to<const Number*>;
  a.strides();
};

/// The shape of n samples: (N, C, H, W) or (N, features).
inline std::vector<std::size_t> shape_of(std::size_t n, const Dims& sample) {
  if (sample.flat) return {n, std::size_t(sample.size())};
  return {n, std::size_t(sample.c), std::size_t(sample.h), std::size_t(sample.w)};
}

template <class Shape>
std::string text_of(const Shape& shape) {
  std::string text;
  for (const auto extent : shape) {
    if (!text.empty()) text += ", ";
    text += std::to_string(extent);
  }
  return '(' + text + ')';
}

/// A pointer to the first element of an array, which must be contiguous and row-major. Throws an Error otherwise.
template <class Array>
const auto* elements_of(const Array& array, const char* what) {
  std::ptrdiff_t stride = 1;
  for (std::size_t a = array.dimension(); a-- > 0; stride *= std::ptrdiff_t(array.shape()[a]))
    if (array.shape()[a] > 1 && std::ptrdiff_t(array.strides()[a]) != stride)
      throw Error({"the ", what, " are not contiguous in row-major order: pass an xt::eval of them"});
  return array.data() + array.data_offset();
}

template <class Images>
const float* samples_of(const Dims& sample, const Images& images) {
  static_assert(InMemory<float, Images>, "images are an array of float, or a view of one: xt::xarray<float>");
  if constexpr (InMemory<float, Images>) {
    const std::size_t n = images.dimension() == 0 ? 0 : std::size_t(images.shape()[0]);
    const std::vector<std::size_t> wanted = shape_of(n, sample);
    if (!std::equal(wanted.begin(), wanted.end(), images.shape().begin(), images.shape().end()))
      throw Error({"images of shape ", text_of(images.shape()), " were given, but this network takes (N, ",
                   text_of(std::vector<std::size_t>(wanted.begin() + 1, wanted.end())).substr(1)});
    return elements_of(images, "images");
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// A minibatch of images, (N, C, H, W) or (N, features), and labels (N) for Trainer::step and evaluate. It points into
/// both, without a copy. `sample` is Model::graph.input. Throws an Error if shapes do not match or elements are not
/// contiguous.
template <class Images, class Labels>
[[nodiscard]] Minibatch batch(const Dims& sample, const Images& images, const Labels& labels) {
  static_assert(detail::InMemory<int, Labels>, "labels are an array of int, or a view of one: xt::xtensor<int, 1>");
  if constexpr (detail::InMemory<int, Labels>) {
    const float* samples = detail::samples_of(sample, images);
    if (labels.dimension() != 1 || labels.shape()[0] != images.shape()[0])
      throw Error(
          {"labels of shape ", detail::text_of(labels.shape()), " were given for ", images.shape()[0], " images"});
    return {.n = int(images.shape()[0]), .images = samples, .labels = detail::elements_of(labels, "labels")};
  } else {
    return {};
  }
}

/// The outputs of a Predictor, (N, C, H, W) or (N, features), for any number of images, which are not copied.
template <class Network, class Images>
[[nodiscard]] auto predict(Network& network, const Images& images) {
  const float* samples = detail::samples_of(Network::graph.input, images);
  constexpr std::size_t rank = Network::output.flat ? 2 : 4;
  const std::vector<std::size_t> wanted = detail::shape_of(std::size_t(images.shape()[0]), Network::output);
  std::array<std::size_t, rank> shape;
  std::copy(wanted.begin(), wanted.end(), shape.begin());
  xt::xtensor<float, rank> outputs = xt::xtensor<float, rank>::from_shape(shape);
  network.predict_all(samples, std::int64_t(images.shape()[0]), outputs.data());
  return outputs;
}

}  // namespace tinycnn::xtensor
