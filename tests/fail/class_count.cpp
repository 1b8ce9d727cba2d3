// Eleven logits for a loss over ten classes.
// expect: the last layer gives another number of logits than the loss has classes
// expect: Mistake::class_count_differs, 2, tinycnn::CrossEntropyOver<10>
// expect: Got<tinycnn::Features<11>>
// expect: Wants<tinycnn::Features<10>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

using Net = Sequential<Flatten, Linear<3072, 11>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropyOver<10>, Adam, Constant, Cpu<>> trainer({}); }
