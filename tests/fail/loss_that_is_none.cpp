// A layer in the place of the loss.
// expect: this type is not a loss
// expect: mistakes::not_a_loss, 2, tinycnn::ReLU
// expect: Got<tinycnn::Features<10>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, ReLU, Adam, Constant, Cpu<>> trainer({}); }
