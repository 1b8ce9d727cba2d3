// The wrong layer lies in the second branch of a Concat.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 2, tinycnn::BatchNorm<4>
// expect: Got<tinycnn::Image<8, 32, 32>>
// expect: Wants<tinycnn::Image<4, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Branch = Sequential<Conv2d<3, 8, 3, Padding<1>>, BatchNorm<4>>;
using Net = Sequential<Concat<Conv2d<3, 8, 1>, Branch, Identity>, Flatten, Linear<19456, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
