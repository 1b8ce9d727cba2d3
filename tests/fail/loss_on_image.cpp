// A fully convolutional network that forgot to flatten its logits.
// expect: this layer needs flat features, but its input is an image: put Flatten before it
// expect: mistakes::wants_features, 2, tinycnn::CrossEntropyOver<0>
// expect: Got<tinycnn::Image<10, 1, 1>>
// expect: Wants<tinycnn::Features<10>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 10, 3>, GlobalAvgPool>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
