// The wrong layer lies in structs with names of their own.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 3, tinycnn::BatchNorm<16>
// expect: Got<tinycnn::Image<8, 32, 32>>
// expect: Wants<tinycnn::Image<16, 32, 32>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Block : Sequential<Conv2d<8, 8, 3, Padding<1>>, BatchNorm<16>, ReLU> {
  static constexpr std::string_view name = "block";
};
struct Body : Sequential<Conv2d<3, 8, 3, Padding<1>>, ReLU, Block, MaxPool<2>> {
  static constexpr std::string_view name = "body";
};
struct Net : Sequential<Body, Flatten, Linear<2048, 10>> {};

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
