// The principal components of a network's features, with Eigen: the features of many pictures as a matrix, their
// covariance, its eigenvectors. The classes must be separated in the plane of the first two components.
#include <tinycnn/eigen.hpp>
#include <tinycnn/tinycnn.hpp>

#include <cstdio>

#include <Eigen/Eigenvalues>

using namespace tinycnn;

struct Net : Sequential<Conv2d<1, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>,   // (16, 8, 8)
                        Conv2d<16, 32, 3, Padding<1>>, BatchNorm<32>, ReLU, MaxPool<2>,  // (32, 4, 4)
                        Flatten, Linear<32 * 4 * 4, 24>, ReLU, Linear<24, 3>> {};

constexpr int batch_size = 32, classes = 3;
using Input = Image<1, 16, 16>;
using Model = Trainer<Net, Input, Batch<batch_size>, CrossEntropy, Adam, Constant, Cpu<>>;
using FeatureNet = Predictor<Net, Input, Batch<64>, Cpu<>, ForwardPrefix<11>>;  // all but the last layer: (24)
using eigen::Matrix;

/// Pictures of noise with horizontal (class 0), vertical (1) or diagonal (2) stripes.
struct Stripes {
  Matrix<float> images;    // (N, 1 * 16 * 16)
  Eigen::VectorXi labels;  // (N)

  Stripes(int count, std::uint64_t seed) : images(count, 256), labels(count) {
    for (int n = 0; n < count; ++n) {
      labels[n] = n % classes;
      for (int i = 0; i < 256; ++i) {
        const int h = i / 16, w = i % 16, across = n % 3 == 0 ? h : n % 3 == 1 ? w : h + w;
        const float noise = uniform(seed, std::uint64_t(n), std::uint64_t(i));
        images(n, i) = noise + (across / 2 % 2 == 0 ? 0.5f : 0.0f);
      }
    }
  }
};

void train(const std::string& path) {
  const Stripes set(640, 1);
  Model model({.schedule = {1e-3}, .seed = 6666, .threads = 2});
  for (int epoch = 0; epoch < 3; ++epoch)
    for (int first = 0; first < 640; first += batch_size)
      model.step(eigen::batch(Model::graph.input, set.images.middleRows(first, batch_size),
                              set.labels.segment(first, batch_size)));
  const auto kernel = eigen::map(tensor_of(model.state(), "0.weight")[0][0]);  // (3, 3), not a copy
  std::printf("the sum of the first kernel's weights is %.4f\n", double(kernel.sum()));
  model.save(path);
}

struct Components {
  Eigen::VectorXf variances;  // (F), largest first
  Eigen::MatrixXf axes;       // (F, F), one per column
};

Components principal_components(const Matrix<float>& centred) {
  const Eigen::MatrixXf covariance = centred.transpose() * centred / float(centred.rows() - 1);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solver(covariance);
  return {solver.eigenvalues().reverse(), solver.eigenvectors().rowwise().reverse()};
}

/// The fraction of points (N, 2) whose nearest class mean is that of their own class.
double separation(const Matrix<float>& points, const Eigen::VectorXi& labels) {
  Matrix<float> means = Matrix<float>::Zero(classes, 2);
  for (int n = 0; n < points.rows(); ++n)
    means.row(labels[n]) += points.row(n) / float((labels.array() == labels[n]).count());
  int correct = 0;
  for (int n = 0; n < points.rows(); ++n) {
    Eigen::Index nearest = 0;
    (means.rowwise() - points.row(n)).rowwise().squaredNorm().minCoeff(&nearest);
    correct += nearest == labels[n] ? 1 : 0;
  }
  return double(correct) / double(points.rows());
}

int main() {
  try {
    make_directories("runs");
    train("runs/eigen_pca.safetensors");
    FeatureNet network("runs/eigen_pca.safetensors", 2);
    const Stripes pictures(300, 2);
    const Matrix<float> features = eigen::predict(network, pictures.images);  // (N, 24)
    const Matrix<float> centred = features.rowwise() - features.colwise().mean();
    const Components components = principal_components(centred);
    const Eigen::VectorXf shares = components.variances / components.variances.sum();
    for (int k = 0; k < 4; ++k) std::printf("component %d explains %.1f %% of the variance\n", k + 1, 100 * shares[k]);
    const double apart = separation(centred * components.axes.leftCols(2), pictures.labels);
    std::printf("in the plane of the first two, %.0f %% of the pictures are nearest to the mean of their own class\n",
                100 * apart);
    return apart > 0.9 && shares.head(2).sum() > 0.5f ? 0 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "eigen_pca: %s\n", error.what());
    return 1;
  }
}
