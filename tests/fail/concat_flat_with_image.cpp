// One branch of a Concat has features, the other an image.
// expect: the branches of this Concat differ in height or width, or one is flat and the other not
// expect: mistakes::concat_sizes_differ, 2, tinycnn::Concat<
// expect: Got<tinycnn::Features<3072>>
// expect: Wants<tinycnn::Image<8, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Concat<Conv2d<3, 8, 1>, Flatten>, Flatten, Linear<8, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
