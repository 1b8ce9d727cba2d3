// ResNet-18's training step, 64 photographs of 128 x 128.
#include "../examples/networks/resnet.hpp"
#include "training.hpp"

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, bench::train<networks::CourseResNet18, tinycnn::Image<3, 128, 128>, 64>);
}
