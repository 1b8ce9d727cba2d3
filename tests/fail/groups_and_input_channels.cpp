// Groups that divide the output channels only.
// expect: Groups must divide both the input and the output channels
// expect: mistakes::groups_do_not_divide, 0, tinycnn::Conv2d<3, 8, 3, tinycnn::Groups<2>
// expect: Got<tinycnn::Image<3, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3, Groups<2>>, Flatten, Linear<7200, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
