// Reads a data set from .npy files and computes statistics of a confusion matrix, with xtensor.
#include <tinycnn/tinycnn.hpp>
#include <tinycnn/xtensor.hpp>

#include <cstdio>

#include <xtensor/xmath.hpp>
#include <xtensor/xnpy.hpp>
#include <xtensor/xview.hpp>

using namespace tinycnn;

struct Net : Sequential<Conv2d<1, 8, 3, Padding<1>>, BatchNorm<8>, ReLU, MaxPool<2>,    // (8, 8, 8)
                        Conv2d<8, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>,  // (16, 4, 4)
                        Flatten, Linear<16 * 4 * 4, 4>> {};

constexpr std::size_t batch_size = 32, classes = 4;
using Input = Image<1, 16, 16>;
using Model = Trainer<Net, Input, Batch<int(batch_size)>, CrossEntropy, Adam, Constant, Cpu<>>;

/// Writes `<name>_images.npy` (N, 1, 16, 16) and `<name>_labels.npy` (N) as a Python program would: noise with a
/// brighter quarter, whose index is the label. The difference is so small that some pictures cannot be classified.
void write_set(const std::string& name, std::size_t count, std::uint64_t seed) {
  xt::xtensor<float, 4> images = xt::zeros<float>({count, std::size_t(1), std::size_t(16), std::size_t(16)});
  xt::xtensor<int, 1> labels = xt::zeros<int>({count});
  for (std::size_t n = 0; n < count; ++n) {
    labels(n) = int(n % classes);
    for (std::size_t h = 0; h < 16; ++h)
      for (std::size_t w = 0; w < 16; ++w) {
        const bool bright = h / 8 == n % classes / 2 && w / 8 == n % 2;
        images(n, 0, h, w) = uniform(seed, n, 16 * h + w) + (bright ? 0.1f : 0.0f);
      }
  }
  xt::dump_npy(name + "_images.npy", images);
  xt::dump_npy(name + "_labels.npy", labels);
}

struct DataSet {
  xt::xarray<float> images;  // (N, 1, 16, 16)
  xt::xarray<int> labels;    // (N)

  explicit DataSet(const std::string& name)
      : images(xt::load_npy<float>(name + "_images.npy")), labels(xt::load_npy<int>(name + "_labels.npy")) {}
};

void train(const DataSet& set, const std::string& path) {
  Model model({.schedule = {2e-3}, .seed = 6666, .threads = 2});
  for (int epoch = 0; epoch < 3; ++epoch)
    for (std::size_t first = 0; first + batch_size <= set.labels.size(); first += batch_size)
      model.step(xtensor::batch(Model::graph.input, xt::view(set.images, xt::range(first, first + batch_size)),
                                xt::view(set.labels, xt::range(first, first + batch_size))));
  const auto weight = xtensor::view(tensor_of(model.state(), "0.weight"));  // (8, 1, 3, 3), not a copy
  std::printf("the first layer's weights have a standard deviation of %.4f\n", double(xt::stddev(weight)()));
  model.save(path);
}

/// The number of times that class t (row) was predicted as p (column).
xt::xtensor<double, 2> confusion_matrix(const xt::xarray<int>& labels, const xt::xtensor<float, 2>& logits) {
  xt::xtensor<double, 2> matrix = xt::zeros<double>({classes, classes});
  for (std::size_t n = 0; n < labels.size(); ++n) matrix(labels(n), argmax(&logits(n, 0), int(classes))) += 1;
  return matrix;
}

int main() {
  try {
    make_directories("runs");
    write_set("runs/patches_train", 1024, 1);
    write_set("runs/patches_test", 400, 2);
    const DataSet train_set("runs/patches_train"), test_set("runs/patches_test");
    train(train_set, "runs/xtensor_confusion.safetensors");

    Predictor<Net, Input, Batch<64>, Cpu<>> network("runs/xtensor_confusion.safetensors", 2);
    const xt::xtensor<float, 2> logits = xtensor::predict(network, test_set.images);  // (N, classes)
    const xt::xtensor<double, 2> confusion = confusion_matrix(test_set.labels, logits);
    const xt::xtensor<double, 1> correct = xt::diagonal(confusion);
    const xt::xtensor<double, 1> predicted = xt::sum(confusion, {0}), actual = xt::sum(confusion, {1});
    const xt::xtensor<double, 1> precision = correct / xt::maximum(predicted, 1.0), recall = correct / actual;
    const xt::xtensor<double, 1> f1 = 2.0 * correct / (predicted + actual);
    const double accuracy = xt::sum(correct)() / xt::sum(confusion)();
    for (std::size_t t = 0; t < classes; ++t) {
      std::printf("class %zu predicted as", t);
      for (std::size_t p = 0; p < classes; ++p) std::printf(" %3.0f", confusion(t, p));
      std::printf("   precision %.3f, recall %.3f, F1 %.3f\n", precision(t), recall(t), f1(t));
    }
    std::printf("accuracy %.3f, mean F1 %.3f\n", accuracy, xt::mean(f1)());
    return accuracy > 0.8 && xt::amin(f1)() > 0.7 && xt::sum(confusion)() == double(test_set.labels.size()) ? 0 : 1;
  } catch (const std::exception& error) {  // xtensor has exceptions of its own
    std::fprintf(stderr, "xtensor_confusion: %s\n", error.what());
    return 1;
  }
}
