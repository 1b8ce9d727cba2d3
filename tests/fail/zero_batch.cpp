// A batch of no samples.
// expect: a batch holds at least one sample
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 10>>;

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<0>, CrossEntropy, Adam, Constant, Cpu<>> trainer({});
  float images[3 * 32 * 32] = {};
  int labels[1] = {};
  trainer.step(images, labels, 1);
  trainer.evaluate(images, labels, 1);
}
