// The wrong layer comes after a Concat of three branches, whose joins count as layers.
// expect: the input of this layer has the wrong number of features
// expect: mistakes::wrong_features, 6, tinycnn::Linear<8192, 10>
// expect: Got<tinycnn::Features<14336>>
// expect: Wants<tinycnn::Features<8192>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Concat<Conv2d<3, 8, 1>, Identity, Identity>, Flatten, Linear<8192, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
