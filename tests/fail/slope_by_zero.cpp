// A fraction without a denominator.
// expect: the denominator of Slope must be positive
// expect: mistakes::bad_slope, 1, tinycnn::LeakyReLU<tinycnn::Slope<1, 0>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 3, 1>, LeakyReLU<Slope<1, 0>>, Flatten, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
