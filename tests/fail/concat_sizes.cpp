// Branches of different height and width.
// expect: the branches of this Concat differ in height or width, or one is flat and the other not
// expect: mistakes::concat_sizes_differ, 4, tinycnn::Concat<
// expect: Got<tinycnn::Image<8, 28, 28>>
// expect: Wants<tinycnn::Image<16, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Concat<Conv2d<3, 8, 1>, Conv2d<3, 8, 3, Padding<1>>, Conv2d<3, 8, 5>>, GlobalAvgPool, Flatten,
                       Linear<24, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
