// A block that doubles the channels, with a shortcut that does not.
// expect: the branches of this Residual end in different shapes
// expect: mistakes::branches_differ, 4, Block
// expect: Got<tinycnn::Image<8, 32, 32>>
// expect: Wants<tinycnn::Image<16, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Block : Residual<Sequential<Conv2d<8, 16, 3, Padding<1>>, BatchNorm<16>>> {};
using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, Block, ReLU, Flatten, Linear<16384, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
