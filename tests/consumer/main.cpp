// Prints the version of tinycnn that it was compiled with and, after some training steps here and in network.cpp, the
// sum of the bits of all parameters.
#include "network.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>

int main() {
  std::printf("tinycnn %d.%d.%d\n", TINYCNN_VERSION / 10000, TINYCNN_VERSION / 100 % 100, TINYCNN_VERSION % 100);
  Model model({.optimizer = {}, .schedule = {1e-2}, .clip_norm = 1, .seed = 1, .threads = 2});
  train(model, 5);
  const float images[4 * 3 * 8 * 8] = {};  // (N,C,H,W)
  const int labels[4] = {};
  model.step(images, labels, 4);
  std::uint64_t sum = std::uint64_t(model.evaluate(images, labels, 4).correct);
  const float* parameters = model.state().parameters;
  for (long i = 0; i < Model::graph.trained_storage; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, parameters + i, sizeof bits);
    sum = sum * 31 + bits;
  }
  std::printf("parameters %016llx\n", static_cast<unsigned long long>(sum));
}
