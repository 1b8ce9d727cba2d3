// The wrong layer lies in the shortcut of a block.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 5, tinycnn::BatchNorm<8>
// expect: Got<tinycnn::Image<16, 30, 30>>
// expect: Wants<tinycnn::Image<8, 30, 30>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Main = Sequential<Conv2d<8, 16, 3, Padding<1>>, BatchNorm<16>, ReLU>;
using Shortcut = Sequential<Conv2d<8, 16, 1>, BatchNorm<8>>;
using Net = Sequential<Conv2d<3, 8, 3>, Residual<Main, Shortcut>, Flatten, Linear<14400, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
