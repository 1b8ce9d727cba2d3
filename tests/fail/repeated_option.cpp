// Two paddings.
// expect: an option is given twice
// expect: mistakes::repeated_option, 0, tinycnn::Conv2d<3, 8, 3, tinycnn::Padding<1>, tinycnn::Stride<2>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>, Stride<2>, Padding<2>>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
