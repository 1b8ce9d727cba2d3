// Two wrong layers: only the first one is reported, without consequential errors.
// expect: the input of this layer has the wrong number of channels
// expect: mistakes::wrong_channels, 1, tinycnn::Conv2d<4, 8, 3>
// expect: Got<tinycnn::Image<8, 30, 30>>
// expect: Wants<tinycnn::Image<4, 30, 30>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Conv2d<3, 8, 3>, Conv2d<4, 8, 3>, Flatten, Linear<8, 10>, int>;

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({});
  float images[8 * 3 * 32 * 32] = {}, logits[8 * 10];
  int labels[8] = {};
  trainer.step(images, labels, 8);
  trainer.evaluate(images, labels, 8, logits);
  trainer.save("net.safetensors");
  trainer.load("net.safetensors");
}
