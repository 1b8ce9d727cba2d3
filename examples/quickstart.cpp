// Quick start: trains a small network to classify stripes, saves it, loads it again and predicts.
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

/// Pictures of noise with horizontal (class 0), vertical (1) or diagonal (2) stripes.
struct Stripes {
  std::vector<float> images;  // (N, 1, 16, 16)
  std::vector<int> labels;    // (N)

  Stripes(int count, std::uint64_t seed) {
    for (int n = 0; n < count; ++n) {
      labels.push_back(n % 3);
      for (int h = 0; h < 16; ++h)
        for (int w = 0; w < 16; ++w) {
          const int across = n % 3 == 0 ? h : n % 3 == 1 ? w : h + w;
          const float noise = uniform(seed, std::uint64_t(n), std::uint64_t(16 * h + w));
          images.push_back(noise + (across / 2 % 2 == 0 ? 0.5f : 0.0f));
        }
    }
  }
  /// The n pictures from index `first` on.
  [[nodiscard]] Minibatch batch(int first, int n) const {
    return {.n = n, .images = images.data() + first * 256, .labels = labels.data() + first};
  }
};

struct Net : Sequential<Conv2d<1, 16, 3, Padding<1>>, BatchNorm<16>, ReLU, MaxPool<2>,   // (16, 8, 8)
                        Conv2d<16, 32, 3, Padding<1>>, BatchNorm<32>, ReLU, MaxPool<2>,  // (32, 4, 4)
                        Flatten, Dropout<Percent<20>>, Linear<32 * 4 * 4, 3>> {};

constexpr int batch_size = 32;
using Model = Trainer<Net, Image<1, 16, 16>, Batch<batch_size>, CrossEntropy, Adam, Constant, Cpu<>>;
static_assert(Model::parameters == 6'435 && Model::arena_bytes < 4'000'000);  // known before the program runs

void train(const std::string& path) {
  const Stripes train_set(640, 1), valid_set(150, 2);
  Model model({.optimizer = {.weight_decay = 1e-5}, .schedule = {1e-3}, .clip_norm = 10, .seed = 6666, .threads = 2});

  for (int epoch = 1; epoch <= 4; ++epoch) {
    EpochTotals training, validation;
    for (int first = 0; first < 640; first += batch_size) {
      const StepResult r = model.step(train_set.batch(first, batch_size));  // forward, loss, backward, clipping, update
      training.add(r.loss * batch_size, r.correct, batch_size);
    }
    for (int first = 0; first < 150; first += batch_size) {
      const int n = 150 - first < batch_size ? 150 - first : batch_size;  // the last batch is smaller
      const EvaluationResult r = model.evaluate(valid_set.batch(first, n));
      validation.add(r.loss_sum, r.correct, n);
    }
    std::printf("epoch %d: loss %.4f, accuracy %.3f, validation loss %.4f, accuracy %.3f\n", epoch, training.loss(),
                training.accuracy(), validation.loss(), validation.accuracy());
  }
  model.save(path);
}

/// The accuracy of the saved network on new pictures.
double predict(const std::string& path) {
  Predictor<Net, Image<1, 16, 16>, Batch<1>, Cpu<>> network(path, 2);
  const Stripes pictures(90, 3);
  int correct = 0;
  for (int i = 0; i < 90; ++i) {
    float logits[3];
    network.predict(pictures.batch(i, 1).images, 1, logits);
    correct += argmax(logits, 3) == pictures.labels[std::size_t(i)] ? 1 : 0;
  }
  return correct / 90.0;
}

int main() {
  try {
    make_directories("runs");
    train("runs/quickstart.safetensors");
    const double accuracy = predict("runs/quickstart.safetensors");
    std::printf("the saved network classifies %.0f %% of new pictures correctly\n", 100 * accuracy);
    return accuracy > 0.9 ? 0 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "quickstart: %s\n", error.what());
    return 1;
  }
}
