// A pooling layer has no bias to leave out.
// expect: this layer does not have one of the given options
// expect: mistakes::unknown_option, 0, tinycnn::MaxPool<2, tinycnn::NoBias>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<MaxPool<2, NoBias>, Flatten, Linear<768, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
