// A fraction without a denominator.
// expect: both need a positive denominator
// expect: mistakes::bad_fraction, 0, tinycnn::BatchNorm<3, tinycnn::Epsilon<1, 0>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<BatchNorm<3, Epsilon<1, 0>>, Flatten, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
