// Two layers with the same name: a weight file could not hold both.
// expect: another layer with parameters has the same name
// expect: Layer_number<tinycnn::mistakes::repeated_name, 2, First
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct First : Conv2d<3, 3, 3, Padding<1>> {
  static constexpr std::string_view name = "conv";
};

using Net = Sequential<First, ReLU, First, Flatten, Linear<3 * 8 * 8, 11>>;

int main() { Trainer<Net, Image<3, 8, 8>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
