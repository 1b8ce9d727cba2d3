// A correct network with every kind of layer and join, which must compile.
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Stem : Sequential<Conv2d<3, 8, 3, Padding<1>, NoBias>, BatchNorm<8>, ReLU, MaxPool<2>> {  // (8, 16, 16)
  static constexpr std::string_view name = "stem";
};
using Block = Residual<Sequential<Conv2d<8, 16, 3, Stride<2>, Padding<1>, Groups<4>>, BatchNorm<16>>,
                       Conv2d<8, 16, 1, Stride<2>>>;               // (16, 8, 8)
using Pair = Concat<Identity, AvgPool<3, Stride<1>, Padding<1>>>;  // (32, 8, 8)
struct Net : Sequential<Stem, Block, ReLU, Pair, GlobalAvgPool, Flatten, Dropout<Percent<25>>, Linear<32, 10>> {};

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropyOver<10>, Adam, Constant, Cpu<>> trainer({});
  return int(trainer.steps());
}
