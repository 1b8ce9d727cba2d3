// A BatchNorm over another number of features than the Linear in front of it makes.
// expect: the input of this layer has the wrong number of features
// expect: mistakes::wrong_features, 2, tinycnn::BatchNorm<32>
// expect: Got<tinycnn::Features<64>>
// expect: Wants<tinycnn::Features<32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 64>, BatchNorm<32>, ReLU, Linear<64, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
