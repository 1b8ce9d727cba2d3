// A custom layer with shape rules alone.
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
};
using Net = Sequential<Flatten, Doubled, Linear<3072, 10>>;

int main() {
  Predictor<Net, Image<3, 32, 32>, Batch<8>, Cpu<>> predictor;
  float images[8 * 3 * 32 * 32] = {}, logits[8 * 10];
  predictor.predict(images, 8, logits);
}
