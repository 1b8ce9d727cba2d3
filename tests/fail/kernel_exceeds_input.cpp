// A dilated kernel that reaches over 9 pixels on images of 6.
// expect: the kernel is larger than the padded input
// expect: mistakes::kernel_exceeds_input, 0, tinycnn::Conv2d<3, 8, 5, tinycnn::Dilation<2>, tinycnn::Padding<1>
// expect: Got<tinycnn::Image<3, 6, 32>>
// expect: Wants<tinycnn::Image<3, 7, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 5, Dilation<2>, Padding<1>>, Flatten, Linear<8, 10>>;

int main() { Trainer<Net, Image<3, 6, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
