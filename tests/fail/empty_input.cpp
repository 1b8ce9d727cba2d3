// Images of height 0.
// expect: the input of the network is empty
// expect: mistakes::empty_input, 0, tinycnn::Conv2d<3, 8, 3>
// expect: Got<tinycnn::Image<3, 0, 32>>
// expect: Wants<tinycnn::Image<3, 1, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 0, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
