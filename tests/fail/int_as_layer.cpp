// A type that is no layer at all.
// expect: this type is not a layer
// expect: mistakes::not_a_layer, 1, int
// expect: Got<tinycnn::Image<8, 30, 30>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3>, int, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
