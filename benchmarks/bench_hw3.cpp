// One HW3 training step at a time, on request: the tinycnn side of bench.py's protocol (see there).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <tinycnn/core/clock.hpp>

#include "../examples/networks/hw3_classifier.hpp"
#include "peak.hpp"

using namespace tinycnn;
using Model = Trainer<networks::Classifier, Image<3, 128, 128>, Batch<64>, CrossEntropy, Adam, Constant, Cpu<>>;

namespace {

template <class T>
std::vector<T> read_numbers(const std::string& path, std::size_t count) {
  const std::string bytes = read_file(path);
  if (bytes.size() != count * sizeof(T))
    throw Error("'" + path + "' does not hold " + std::to_string(count) + " numbers");
  std::vector<T> numbers(count);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

/// VmHWM: the most memory that was ever resident, in 10^6 bytes.
double peak_rss_mb() {
  double kib = 0;
  if (std::FILE* status = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr)
      if (std::sscanf(line, "VmHWM: %lf", &kib) == 1) break;
    std::fclose(status);
  }
  return kib * 1024 / 1e6;
}

void serve(const std::string& images_path, const std::string& labels_path, const std::string& init, int threads) {
  const std::vector<float> images =
      read_numbers<float>(images_path, std::size_t(64 * Model::graph.input.size()));  // (64, 3, 128, 128)
  const std::vector<int> labels = read_numbers<int>(labels_path, 64);
  Model model(
      {.optimizer = {.weight_decay = 1e-5}, .schedule = {3e-4}, .clip_norm = 10, .seed = 6666, .threads = threads});
  if (!init.empty()) model.load(init);
  double loss = 0;
  std::puts("ready");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const std::string command(line, std::strcspn(line, "\n"));
    if (command == "step") {
      const double start = seconds_now();
      loss = model.step(images.data(), labels.data(), 64).loss;
      std::printf("%.9f\n", seconds_now() - start);
    } else if (command == "loss") {
      std::printf("loss %.9g\n", loss);
    } else if (command == "peak") {
      std::printf("peak_gflops %.3f\n", peak_gflops(model.backend().pool()));
    } else if (command == "quit") {
      std::printf("peak_rss_mb %.1f\n", peak_rss_mb());
      std::fflush(stdout);
      return;
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string images, labels, init;
  int threads = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--images") images = argv[i + 1];
    if (name == "--labels") labels = argv[i + 1];
    if (name == "--init") init = argv[i + 1];
    if (name == "--threads") threads = std::atoi(argv[i + 1]);
  }
  try {
    serve(images, labels, init, threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_hw3: %s\n", error.what());
    return 1;
  }
}
