// A Linear right after a pooling layer.
// expect: this layer needs flat features, but its input is an image: put Flatten before it
// expect: mistakes::wants_features, 2, tinycnn::Linear<2048, 10>
// expect: Got<tinycnn::Image<8, 16, 16>>
// expect: Wants<tinycnn::Features<2048>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, MaxPool<2>, Linear<2048, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
