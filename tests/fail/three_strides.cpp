// A window moves along two axes.
// expect: this layer does not have one of the given options
// expect: mistakes::unknown_option, 0, tinycnn::MaxPool<2, tinycnn::Stride<2, 2, 2>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<MaxPool<2, Stride<2, 2, 2>>, Flatten, Linear<768, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
