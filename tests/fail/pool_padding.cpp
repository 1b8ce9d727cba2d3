// A pooling window that could lie in the padding alone.
// expect: a pooling window's padding must be at most half its kernel
// expect: mistakes::padding_exceeds_half_kernel, 0, tinycnn::MaxPool<3, tinycnn::Padding<2>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<MaxPool<3, Padding<2>>, Flatten, Linear<1, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
