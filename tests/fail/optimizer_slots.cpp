// An optimizer with three slots per parameter.
// expect: an optimizer may keep at most two slots per parameter
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

struct Amsgrad : Adam {
  static constexpr int slots = 3;
  template <class T>
  static void update(const Factors<T>& f, T& w, T g, T& m, T& v, T& most) {
    Adam::update(f, w, g, m, v);
    most = most < v ? v : most;
  }
};
using Net = Sequential<Flatten, Linear<3072, 10>>;

int main() {
  Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Amsgrad, Constant, Cpu<>> trainer({});
  float images[3 * 32 * 32] = {};
  int labels[1] = {};
  trainer.step(images, labels, 1);
}
