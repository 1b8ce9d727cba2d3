// A BatchNorm over another number of channels than the Conv2d in front of it makes.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 1, tinycnn::BatchNorm<16>
// expect: Got<tinycnn::Image<8, 30, 30>>
// expect: Wants<tinycnn::Image<16, 30, 30>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3>, BatchNorm<16>, ReLU, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
