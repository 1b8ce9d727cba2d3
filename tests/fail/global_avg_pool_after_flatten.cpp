// A global average of what has no pixels any more.
// expect: this layer needs an image, but its input is flat
// expect: mistakes::wants_image, 2, tinycnn::GlobalAvgPool
// expect: Got<tinycnn::Features<8192>>
// expect: Wants<tinycnn::Image<8, 0, 0>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, Flatten, GlobalAvgPool, Linear<8, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
