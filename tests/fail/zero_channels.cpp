// A Conv2d that makes no channels.
// expect: sizes must be positive
// expect: mistakes::zero_size, 0, tinycnn::Conv2d<3, 0, 3>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 0, 3>, Flatten, Linear<1, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
