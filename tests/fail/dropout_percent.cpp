// A probability above one.
// expect: a dropout probability must lie between 0 and 100 percent
// expect: mistakes::bad_probability, 1, tinycnn::DropoutBy<tinycnn::Percent<150>
// expect: Got<tinycnn::Features<3072>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Dropout<Percent<150>>, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
