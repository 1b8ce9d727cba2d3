// An optimizer whose update takes fewer slots than it says it has.
// expect: an optimizer's update takes the factors, w, g and one argument for each of its slots
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Amsgrad : Adam {
  static constexpr int slots = 3;
};
using Net = Sequential<Flatten, Linear<3072, 10>>;

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Amsgrad, Constant, Cpu<>> trainer({});
  float images[3 * 32 * 32] = {};
  int labels[1] = {};
  trainer.step(images, labels, 1);
}
