// tinycnn and Eigen 3: a network's numbers as Eigen maps, batches and predictions of Eigen matrices. Opt-in, and an
// include beside tinycnn.hpp.
#pragma once

#include <type_traits>

#include <Eigen/Core>

#include <tinycnn/data/loader.hpp>
#include <tinycnn/train/tensors.hpp>

namespace tinycnn::eigen {

/// PyTorch's order: a sample, an output channel or a class a row.
template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Such a matrix in memory that is someone else's, const where T is.
template <class T>
using Map = Eigen::Map<std::conditional_t<std::is_const_v<T>, const Matrix<std::remove_const_t<T>>, Matrix<T>>,
                       Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

/// A tensor in place, no copy: PyTorch's first axis as rows, the others, flattened, as columns. So a batch is
/// (N, C * H * W), its sample [n] (C, H * W), a channel [n][c] (H, W); a Linear's weight (Out, In), a Conv2d's [o]
/// (I, R * S) and [o][i] (R, S), a bias (C, 1). An Error where no strides show that.
template <class T>
[[nodiscard]] Map<T> map(const Tensor<T>& tensor) {
  const int rows = tensor.next(0);
  const Axis row = tensor.merged(0, rows), column = tensor.merged(rows, tensor.count);
  return {tensor.data, row.extent, column.extent, {row.stride, column.stride}};
}

/// The same as a copy, which any tensor allows.
template <class T>
[[nodiscard]] Matrix<std::remove_const_t<T>> copy(const Tensor<T>& tensor) {
  long rows = 1;
  for (int a = 0; a < tensor.next(0); ++a) rows *= tensor.axes[a].extent;
  Matrix<std::remove_const_t<T>> all(rows, tensor.size() / rows);
  for (long i = 0; i < tensor.size(); ++i) all.data()[i] = tensor.element(i);
  return all;
}

namespace detail {

/// Where the rows of `images` begin, which must be samples that lie one behind the other.
template <class Images>
const float* samples_of(const Dims& sample, const Eigen::DenseBase<Images>& images) {
  constexpr bool in_memory = (Images::Flags & Eigen::DirectAccessBit) != 0;
  constexpr bool usable = in_memory && Images::IsRowMajor && std::is_same_v<typename Images::Scalar, float>;
  static_assert(usable, "images are a row-major matrix of float, or whole rows of one: tinycnn::eigen::Matrix<float>");
  if constexpr (usable) {
    const Images& m = images.derived();
    if (m.cols() != sample.size())
      throw Error({"images with ", m.cols(), " columns were given, a sample of this network is (", sample.c, ", ",
                   sample.h, ", ", sample.w, "): ", sample.size(), " columns"});
    if (m.rows() > 1 && (m.innerStride() != 1 || m.outerStride() != m.cols()))
      throw Error("the images do not lie one behind the other in memory: give whole rows (middleRows), or a copy");
    return m.data();
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// Images (N, C * H * W) and labels (N) for Trainer::step and evaluate, no copy: it points into both. `sample` is
/// Model::graph.input.
template <class Images, class Labels>
[[nodiscard]] Minibatch batch(const Dims& sample, const Eigen::DenseBase<Images>& images,
                              const Eigen::DenseBase<Labels>& labels) {
  constexpr bool usable = (Labels::Flags & Eigen::DirectAccessBit) != 0 && Labels::IsVectorAtCompileTime &&
                          std::is_same_v<typename Labels::Scalar, int>;
  static_assert(usable, "labels are a vector of int, or a part of one: Eigen::VectorXi");
  if constexpr (usable) {
    const Labels& l = labels.derived();
    if (l.size() != images.rows()) throw Error({l.size(), " labels were given for ", images.rows(), " images"});
    if (l.size() > 1 && l.innerStride() != 1)
      throw Error("the labels do not lie one behind the other in memory: give a copy");
    return {.n = int(l.size()), .images = detail::samples_of(sample, images), .labels = l.data()};
  } else {
    return {};
  }
}

/// What a Predictor makes of any number of images (N, C * H * W), read where they lie: (N, output.size()).
template <class Network, class Images>
[[nodiscard]] Matrix<float> predict(Network& network, const Eigen::DenseBase<Images>& images) {
  const float* samples = detail::samples_of(Network::graph.input, images);
  Matrix<float> outputs(images.rows(), Network::output.size());
  network.predict_all(samples, images.rows(), outputs.data());
  return outputs;
}

}  // namespace tinycnn::eigen
