// HW3's training step without AVX-512, 64 photographs of 128 x 128.
#include <type_traits>

#include "../examples/networks/hw3_classifier.hpp"
#include "training.hpp"

static_assert(std::is_same_v<tinycnn::cpu::Native, tinycnn::cpu::Avx2>, "compile this with -march=x86-64-v3");

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, bench::train<networks::Classifier, tinycnn::Image<3, 128, 128>, 64>);
}
