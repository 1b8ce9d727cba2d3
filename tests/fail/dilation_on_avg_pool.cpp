// Dilation is an option of MaxPool, not of AvgPool.
// expect: this layer does not have one of the given options
// expect: mistakes::unknown_option, 0, tinycnn::AvgPool<2, tinycnn::Dilation<2>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<AvgPool<2, Dilation<2>>, Flatten, Linear<768, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
