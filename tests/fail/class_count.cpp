// Eleven logits for a loss over ten classes.
// expect: the number of logits differs from the number of classes of the loss
// expect: mistakes::class_count_differs, 2, tinycnn::CrossEntropyOver<10>
// expect: Got<tinycnn::Features<11>>
// expect: Wants<tinycnn::Features<10>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 11>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropyOver<10>, Adam, Constant, Cpu<>> trainer({}); }
