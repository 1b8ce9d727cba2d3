// A custom layer that lacks its shape rules.
// expect: this type is not a layer
// expect: mistakes::not_a_layer, 2, Swish
// expect: Got<tinycnn::Image<8, 30, 30>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Swish {
  template <class T>
  static T forward(T x) {
    return x / (1 + std::exp(-x));
  }
};
using Net = Sequential<Conv2d<3, 8, 3>, Residual<Sequential<ReLU, Swish>>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
