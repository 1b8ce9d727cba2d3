// Padding is no option of BatchNorm.
// expect: this layer does not have one of the given options
// expect: mistakes::unknown_option, 0, tinycnn::BatchNorm<3, tinycnn::Momentum<1, 100>, tinycnn::Padding<1>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<BatchNorm<3, Momentum<1, 100>, Padding<1>>, Flatten, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
