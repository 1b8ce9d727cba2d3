// A pooling layer on flat features.
// expect: this layer needs an image, but its input is flat
// expect: mistakes::wants_image, 2, tinycnn::MaxPool<2>
// expect: Got<tinycnn::Features<8192>>
// expect: Wants<tinycnn::Image<8, 0, 0>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, Flatten, MaxPool<2>, Linear<2048, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
