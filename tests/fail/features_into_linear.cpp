// A Linear that was sized for other images: 8 * 16 * 16 features reach it.
// expect: the input of this layer has the wrong number of features
// expect: mistakes::wrong_features, 4, tinycnn::Linear<1024, 10>
// expect: Got<tinycnn::Features<2048>>
// expect: Wants<tinycnn::Features<1024>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, ReLU, MaxPool<2>, Flatten, Linear<1024, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
