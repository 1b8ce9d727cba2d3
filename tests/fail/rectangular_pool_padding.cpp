// The padding of a pool is more than half of its kernel along the columns only.
// expect: a pooling window's padding must be at most half its kernel
// expect: mistakes::padding_exceeds_half_kernel, 0, tinycnn::AvgPool<
// expect: KernelOf<4, 2>::extents
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<AvgPool<Kernel<4, 2>, Padding<2>>, Flatten, Linear<768, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
