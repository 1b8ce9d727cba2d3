// A kernel whose rows fit in the image and whose columns do not.
// expect: the kernel is larger than the padded input
// expect: mistakes::kernel_exceeds_input, 1, tinycnn::Conv2d<8, 8,
// expect: KernelOf<3, 25>::extents
// expect: Got<tinycnn::Image<8, 20, 20>>
// expect: Wants<tinycnn::Image<8, 20, 25>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 13>, Conv2d<8, 8, Kernel<3, 25>>, Flatten, Linear<8, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
