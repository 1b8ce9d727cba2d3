// CeilMode is an option of pools.
// expect: this layer does not have one of the given options
// expect: mistakes::unknown_option, 0, tinycnn::Conv2d<3, 8, 3, tinycnn::CeilMode
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, CeilMode>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
