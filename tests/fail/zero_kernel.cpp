// A kernel without a pixel.
// expect: sizes must be positive
// expect: mistakes::zero_size, 0, tinycnn::Conv2d<3, 8, 0>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 0>, Flatten, Linear<1, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
