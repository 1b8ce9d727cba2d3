// The wrong layer lies in forty Sequentials within one another.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 42, tinycnn::Conv2d<16, 8, 3>
// expect: Got<tinycnn::Image<8, 32, 32>>
// expect: Wants<tinycnn::Image<16, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

template <int Levels>
struct Nested {
  using Net = Sequential<ReLU, typename Nested<Levels - 1>::Net>;
};
template <>
struct Nested<0> {
  using Net = Sequential<Conv2d<8, 8, 3, Padding<1>>, Conv2d<16, 8, 3>>;
};
using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, Nested<40>::Net, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
