// A backend that trains a layer but cannot validate it.
// expect: the backend has no kernel for this layer in the requested mode
// expect: mistakes::no_kernel, 2, tinycnn::MaxPool<2>
// expect: Got<tinycnn::Image<8, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct TrainingMaxPool : reference::MaxPoolOp {
  static constexpr unsigned modes = in_training;
};
struct Trains : Reference<> {
  using FusedOps = tinycnn::FusedOps<reference::Conv2dOp, reference::ReluOp, TrainingMaxPool, reference::LinearOp,
                                     reference::CrossEntropyOp>;
  using Reference<>::Reference;
};
using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, ReLU, MaxPool<2>, Flatten, Linear<2048, 10>>;

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Trains> trainer({});
  float images[8 * 3 * 32 * 32] = {};
  int labels[8] = {};
  trainer.evaluate(images, labels, 8);
}
