// Dropout: in training each element is zeroed with probability p and the others scaled by 1 / (1 - p); a view
// otherwise.
#pragma once

#include <cstdint>

#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind dropout{.name = "Dropout", .view_in_eval = true};

/// The stream of random numbers a dropout layer draws from in a training step: apart from all other uses of the seed.
constexpr std::uint64_t dropout_stream(std::uint64_t step, int layers, int layer) {
  return (std::uint64_t(0x64726f70) << 32) + step * unsigned(layers) + unsigned(layer);  // "drop"
}

/// torch.nn.Dropout(p), written Dropout<Percent<50>>. The mask is drawn from (seed, step, layer, element), so that
/// backward draws it again instead of storing it and no result depends on the number of threads.
template <class... Choices>
struct DropoutBy {
  static constexpr const Kind& kind = dropout;
  static constexpr Chosen chosen = choose<Choices...>({Window{}, 1, false, 0, 0, 0.5}, probability_option);
  static constexpr Options options = chosen.options;

  static constexpr Mistake accepts(Dims) {
    if (chosen.mistake != Mistake::none) return chosen.mistake;
    return options.probability >= 0 && options.probability <= 1 ? Mistake::none : Mistake::bad_probability;
  }
  static constexpr Dims wants(Dims x) { return x; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr long macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

template <class Probability = Percent<50>>
using Dropout = DropoutBy<Probability>;

}  // namespace tinycnn
