// Padding and SamePadding are the same option.
// expect: an option is given twice
// expect: mistakes::repeated_option, 0, tinycnn::Conv2d<3, 8, 3, tinycnn::Padding<1>, tinycnn::SamePadding
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>, SamePadding>, Flatten, Linear<8192, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
