// Padding is no option of Linear.
// expect: this layer does not have one of the given options
// expect: mistakes::unknown_option, 1, tinycnn::Linear<3072, 10, tinycnn::Padding<1>
// expect: Got<tinycnn::Features<3072>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 10, Padding<1>>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
