// ResNet-18's prediction of 64 photographs, or of one, of 128 x 128 pixels.
#include "../examples/networks/resnet.hpp"
#include "inference.hpp"

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [](const bench::Request& request) {
    using Input = tinycnn::Image<3, 128, 128>;
    request.batch == 1 ? bench::infer<networks::CourseResNet18, Input, 1>(request)
                       : bench::infer<networks::CourseResNet18, Input, 64>(request);
  });
}
