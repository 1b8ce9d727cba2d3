// A Conv2d on flat features.
// expect: this layer needs an image, but its input is flat
// expect: mistakes::wants_image, 1, tinycnn::Conv2d<3, 8, 3>
// expect: Got<tinycnn::Features<3072>>
// expect: Wants<tinycnn::Image<3, 0, 0>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Conv2d<3, 8, 3>, Linear<10, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
