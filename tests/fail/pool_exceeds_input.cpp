// One pooling layer too many.
// expect: the kernel is larger than the padded input
// expect: mistakes::kernel_exceeds_input, 2, tinycnn::MaxPool<2>
// expect: Got<tinycnn::Image<3, 1, 1>>
// expect: Wants<tinycnn::Image<3, 2, 2>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<MaxPool<8>, MaxPool<4>, MaxPool<2>, Flatten, Linear<3, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
