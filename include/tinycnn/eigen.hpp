// The interface to Eigen 3: parameters and activations as Eigen maps, training and prediction on Eigen matrices.
// tinycnn.hpp does not include it.
#pragma once

#include <cstdint>
#include <type_traits>

#include <Eigen/Core>

#include <tinycnn/data/loader.hpp>
#include <tinycnn/train/tensors.hpp>

namespace tinycnn::eigen {

/// A row-major matrix, PyTorch's order, with one row per sample, output channel or class.
template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A non-owning map of such a matrix with arbitrary strides; read-only if T is const.
template <class T>
using Map = Eigen::Map<std::conditional_t<std::is_const_v<T>, const Matrix<std::remove_const_t<T>>, Matrix<T>>,
                       Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

/// A tensor as an Eigen map, without a copy. PyTorch's first axis becomes the rows; the others, flattened, become the
/// columns: a batch is (N, C * H * W), its sample [n] is (C, H * W), a channel [n][c] is (H, W). A weight of Linear is
/// (Out, In); of a Conv2d, [o] is (I, R * S) and [o][i] is (R, S); a bias is (C, 1). Throws an Error if the tensor's
/// layout in memory cannot be described by two strides.
template <class T>
[[nodiscard]] Map<T> map(const Tensor<T>& tensor) {
  const int rows = tensor.next(0);
  const Axis row = tensor.merged(0, rows), column = tensor.merged(rows, tensor.count);
  return {tensor.data, row.extent, column.extent, {row.stride, column.stride}};
}

/// The same as a copy, which works for every tensor.
template <class T>
[[nodiscard]] Matrix<std::remove_const_t<T>> copy(const Tensor<T>& tensor) {
  std::int64_t rows = 1;
  for (int a = 0; a < tensor.next(0); ++a) rows *= tensor.axes[a].extent;
  Matrix<std::remove_const_t<T>> all(rows, tensor.size() / rows);
  for (std::int64_t i = 0; i < tensor.size(); ++i) all.data()[i] = tensor.element(i);
  return all;
}

namespace detail {

/// A pointer to the first element of `images`, whose rows must be contiguous samples. Throws an Error otherwise.
template <class Images>
const float* samples_of(const Dims& sample, const Eigen::DenseBase<Images>& images) {
  constexpr bool in_memory = (Images::Flags & Eigen::DirectAccessBit) != 0;
  constexpr bool usable = in_memory && Images::IsRowMajor && std::is_same_v<typename Images::Scalar, float>;
  static_assert(usable, "images are a row-major matrix of float, or whole rows of one: tinycnn::eigen::Matrix<float>");
  if constexpr (usable) {
    const Images& m = images.derived();
    if (m.cols() != sample.size())
      throw Error({"images with ", m.cols(), " columns were given, but a sample of this network is (", sample.c, ", ",
                   sample.h, ", ", sample.w, "): ", sample.size(), " columns"});
    if (m.rows() > 1 && (m.innerStride() != 1 || m.outerStride() != m.cols()))
      throw Error("the images are not contiguous in memory: pass whole rows (middleRows), or a copy");
    return m.data();
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// A minibatch of images (N, C * H * W) and labels (N) for Trainer::step and evaluate. It points into both, without a
/// copy. `sample` is Model::graph.input. Throws an Error if sizes do not match or elements are not contiguous.
template <class Images, class Labels>
[[nodiscard]] Minibatch batch(const Dims& sample, const Eigen::DenseBase<Images>& images,
                              const Eigen::DenseBase<Labels>& labels) {
  constexpr bool usable = (Labels::Flags & Eigen::DirectAccessBit) != 0 && Labels::IsVectorAtCompileTime &&
                          std::is_same_v<typename Labels::Scalar, int>;
  static_assert(usable, "labels are a vector of int, or a part of one: Eigen::VectorXi");
  if constexpr (usable) {
    const Labels& l = labels.derived();
    if (l.size() != images.rows()) throw Error({l.size(), " labels were given for ", images.rows(), " images"});
    if (l.size() > 1 && l.innerStride() != 1) throw Error("the labels are not contiguous in memory: pass a copy");
    return {.n = int(l.size()), .images = detail::samples_of(sample, images), .labels = l.data()};
  } else {
    return {};
  }
}

/// The outputs (N, output.size()) of a Predictor for any number of images (N, C * H * W), which are not copied.
template <class Network, class Images>
[[nodiscard]] Matrix<float> predict(Network& network, const Eigen::DenseBase<Images>& images) {
  const float* samples = detail::samples_of(Network::graph.input, images);
  Matrix<float> outputs(images.rows(), Network::output.size());
  network.predict_all(samples, images.rows(), outputs.data());
  return outputs;
}

}  // namespace tinycnn::eigen
