// A custom layer that can be run but not trained.
// expect: the backend has no kernel for this layer in the requested mode
// expect: mistakes::no_kernel, 1, Doubled
// expect: Got<tinycnn::Features<3072>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

inline constexpr Kind doubled{.name = "Doubled"};
struct Doubled {
  static constexpr const Kind& kind = doubled;
  static constexpr const Mistake* accepts(Dims) { return nullptr; }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr long macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
  template <class T>
  static void forward(const OwnCall<T>& call) {
    for (int n = 0; n < call.n; ++n)
      for (int i = 0; i < 3072; ++i) call.out(n, i) = 2 * call.x(n, i);
  }
};
using Net = Sequential<Flatten, Doubled, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
