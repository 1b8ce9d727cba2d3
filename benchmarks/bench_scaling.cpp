// HW3 with other batch sizes, image sizes and widths, selected by --variant, for the case `scaling`.
#include "inference.hpp"
#include "training.hpp"

namespace bench {
namespace {

// clang-format off: a table
template <int W, int Side>
using ScaledHw3 = Sequential<
    Conv2d<3, W, 3, Padding<1>>,         BatchNorm<W>,     ReLU, MaxPool<2>,
    Conv2d<W, 2 * W, 3, Padding<1>>,     BatchNorm<2 * W>, ReLU, MaxPool<2>,
    Conv2d<2 * W, 4 * W, 3, Padding<1>>, BatchNorm<4 * W>, ReLU, MaxPool<2>,
    Conv2d<4 * W, 8 * W, 3, Padding<1>>, BatchNorm<8 * W>, ReLU, MaxPool<2>,
    Conv2d<8 * W, 8 * W, 3, Padding<1>>, BatchNorm<8 * W>, ReLU, MaxPool<2>,
    Flatten, Linear<8 * W * (Side / 32) * (Side / 32), 1024>, ReLU, Linear<1024, 512>, ReLU, Linear<512, 11>>;
// clang-format on

template <int W, int Side, int Capacity>
constexpr auto training = &train<ScaledHw3<W, Side>, Image<3, Side, Side>, Capacity>;
template <int Capacity>
constexpr auto predicting = &infer<ScaledHw3<64, 128>, Image<3, 128, 128>, Capacity>;

struct Variant {
  const char* name;
  void (*run)(const Request&);
};

constexpr Variant variants[] = {
    {"batch", training<64, 128, 256>},  // capacities; any smaller batch
    {"image 32", training<64, 32, 64>},   {"image 64", training<64, 64, 64>},   {"image 96", training<64, 96, 64>},
    {"image 128", training<64, 128, 64>}, {"image 160", training<64, 160, 64>}, {"image 192", training<64, 192, 64>},
    {"image 224", training<64, 224, 64>}, {"width 1/2", training<32, 128, 64>}, {"width 1", training<64, 128, 64>},
    {"width 3/2", training<96, 128, 64>}, {"width 2", training<128, 128, 64>},  {"predict 1", predicting<1>},
    {"predict 2", predicting<2>},         {"predict 4", predicting<4>},         {"predict 8", predicting<8>},
    {"predict 16", predicting<16>},       {"predict 32", predicting<32>},       {"predict 64", predicting<64>},
    {"predict 128", predicting<128>},     {"predict 256", predicting<256>},
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [](const bench::Request& request) {
    for (const bench::Variant& variant : bench::variants)
      if (request.variant == variant.name) return variant.run(request);
    throw tinycnn::Error("there is no variant '" + request.variant + "'");
  });
}
