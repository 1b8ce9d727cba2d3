// A layer outside the library with an option and a mistake of its own, in a namespace of its own.
// expect: the channels of Reverse must be even
// expect: Layer_number<own::odd_channels, 1, own::Reverse<9, own::Pairs<2>
// expect: Got<tinycnn::Image<9, 30, 30>>
// expect: Wants<tinycnn::Image<9, 30, 30>>
#include <tinycnn/tinycnn.hpp>

namespace own {

using tinycnn::Dims, tinycnn::Kind, tinycnn::Mistake;

inline constexpr Kind reverse{.name = "Reverse"};
inline constexpr Mistake odd_channels{};

template <int N>
struct Pairs {};
struct ReverseOptions : tinycnn::LayerOptions {
  int pairs = 1;
  template <int N>
  constexpr void set(Pairs<N>) {
    pairs = N;
  }
};

template <int Channels, class... Choices>
struct Reverse {
  static constexpr const Kind& kind = reverse;
  static constexpr const auto* chosen = &tinycnn::chosen_options<ReverseOptions, Choices...>;
  static constexpr const ReverseOptions* options = &chosen->options;
  static constexpr const Mistake* accepts(Dims) {
    if (chosen->mistake != nullptr) return chosen->mistake;
    return Channels % options->pairs == 0 ? nullptr : &odd_channels;
  }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(tinycnn::ParameterList&) {}
};

}  // namespace own

template <int Index, class... Where>
struct tinycnn::Layer_number<own::odd_channels, Index, Where...> {
  static_assert(Index < 0, "the channels of Reverse must be even");
};

using namespace tinycnn;
using Net = Sequential<Conv2d<3, 9, 3>, own::Reverse<9, own::Pairs<2>>, Flatten, Linear<8100, 10>>;

int main() { Trainer<Net, Image<3, 32, 32>, Batch<8>, CrossEntropy, Adam, Constant, Cpu<>> trainer({}); }
