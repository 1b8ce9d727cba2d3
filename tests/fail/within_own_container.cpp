// The wrong layer is in a custom container, whose type is shown instead.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 1, Twice<tinycnn::Conv2d<3, 8, 3>
// expect: Got<tinycnn::Image<8, 30, 30>>
// expect: Wants<tinycnn::Image<3, 30, 30>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

template <class Layer>
struct Twice {
  template <class Builder>
  static constexpr int visit(Builder& builder, int x) {
    return builder.template child<Layer>(1, builder.template child<Layer>(0, x));
  }
};
using Net = Sequential<Twice<Conv2d<3, 8, 3>>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
