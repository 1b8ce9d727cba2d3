// Dropout: in training, zeroes each element with probability p and scales the others by 1 / (1 - p); otherwise a view.
#pragma once

#include <cstdint>

#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind dropout{.name = "Dropout", .view_in_eval = true};

/// Dropout's p in percent.
template <int P>
struct Percent {};

struct DropoutOptions : LayerOptions {
  double probability = 0.5;

  template <int P>
  constexpr void set(Percent<P>) {
    probability = P / 100.0;
  }
};

namespace mistakes {
inline constexpr Mistake bad_probability{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::bad_probability, Index, Where...> {
  static_assert(Index < 0, "a dropout probability must lie between 0 and 100 percent");
};

/// The random stream of one dropout layer in one training step, distinct from all other streams of the same seed.
constexpr std::uint64_t dropout_stream(std::uint64_t step, int layers, int layer) {
  return (std::uint64_t(0x64726f70) << 32) + step * unsigned(layers) + unsigned(layer);  // "drop"
}

/// torch.nn.Dropout(p), written Dropout<Percent<50>>. The mask is a function of (seed, step, layer, element): backward
/// draws it again instead of reading a stored one, and the result does not depend on the number of threads.
template <class... Choices>
struct DropoutBy {
  static constexpr const Kind& kind = dropout;
  static constexpr const Chosen<DropoutOptions>* chosen = &chosen_options<DropoutOptions, Choices...>;
  static constexpr const DropoutOptions* options = &chosen->options;

  static constexpr const Mistake* accepts(Dims) {
    if (chosen->mistake != nullptr) return chosen->mistake;
    return options->probability >= 0 && options->probability <= 1 ? nullptr : &mistakes::bad_probability;
  }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

template <class Probability = Percent<50>>
using Dropout = DropoutBy<Probability>;

}  // namespace tinycnn
