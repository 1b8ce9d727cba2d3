// The second Conv2d was declared for 16 channels, 8 reach it.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 2, tinycnn::Conv2d<16, 8, 3>
// expect: Got<tinycnn::Image<8, 32, 32>>
// expect: Wants<tinycnn::Image<16, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, ReLU, Conv2d<16, 8, 3>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
