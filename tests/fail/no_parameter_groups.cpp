// An optimizer with no group of parameters.
// expect: an optimizer has at least one group of parameters
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 10>>;

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, ParameterGroups<AdamW, 0>, Constant, Cpu<>> trainer({});
  float images[3 * 32 * 32] = {};
  int labels[1] = {};
  trainer.step(images, labels, 1);
}
