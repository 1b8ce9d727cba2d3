// A block whose shortcut lacks the stride.
// expect: the branches of this Residual end in different shapes
// expect: mistakes::branches_differ, 4, tinycnn::Residual<
// expect: Got<tinycnn::Image<8, 32, 32>>
// expect: Wants<tinycnn::Image<8, 16, 16>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Main = Sequential<Conv2d<3, 8, 3, Stride<2>, Padding<1>>, ReLU, Conv2d<8, 8, 3, Padding<1>>>;
using Net = Sequential<Residual<Main, Conv2d<3, 8, 1>>, Flatten, Linear<2048, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
