// A loss among the layers of a network.
// expect: a loss is not a part of the network
// expect: mistakes::loss_within, 2, tinycnn::CrossEntropyOver<0>
// expect: Got<tinycnn::Features<10>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 10>, CrossEntropy>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
