// A Linear without outputs.
// expect: sizes must be positive
// expect: mistakes::zero_size, 1, tinycnn::Linear<3072, 0>
// expect: Got<tinycnn::Features<3072>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 0>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
