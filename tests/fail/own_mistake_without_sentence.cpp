// A custom layer whose mistake has no sentence.
// expect: a layer made a mistake that has no sentence: specialize tinycnn::Layer_number for it
// expect: Layer_number<too_dark, 1, Brighter
// expect: Got<tinycnn::Features<3072>>
#include <tinycnn/tinycnn.hpp>

using namespace tinycnn;

inline constexpr Kind brighter{.name = "Brighter"};
inline constexpr Mistake too_dark{};
struct Brighter {
  static constexpr const Kind& kind = brighter;
  static constexpr const Mistake* accepts(Dims) { return &too_dark; }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};
using Net = Sequential<Flatten, Brighter, Linear<3072, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
