// Linear: y = W x + b.
#pragma once

#include <cstdint>

#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind linear{.name = "Linear"};

struct LinearOptions : LayerOptions {
  bool bias = true;

  constexpr void set(NoBias) { bias = false; }
};

/// A fully connected layer, torch.nn.Linear(In, Out). x (In) -> y (Out), y[o] = bias[o] + sum over i of
/// weight[o, i] x[i]. Options: NoBias.
/// Parameters: weight (Out, In), bias (Out); initially U(-1/sqrt(In), 1/sqrt(In)).
template <int In, int Out, class... Choices>
struct Linear {
  static constexpr const Kind& kind = linear;
  static constexpr const Chosen<LinearOptions>* chosen = &chosen_options<LinearOptions, Choices...>;
  static constexpr const LinearOptions* options = &chosen->options;

  static constexpr const Mistake* accepts(Dims x) {
    if (chosen->mistake != nullptr) return chosen->mistake;
    if (In < 1 || Out < 1) return &mistakes::zero_size;
    if (!x.flat) return &mistakes::wants_features;
    return x.size() == In ? nullptr : &mistakes::wrong_features;
  }
  static constexpr Dims wants(Dims) { return {In, 1, 1, true}; }
  static constexpr Dims output(Dims) { return {Out, 1, 1, true}; }
  static constexpr std::int64_t macs(Dims) { return std::int64_t(In) * Out; }
  static constexpr void parameters(ParameterList& list) {
    list.matrix("weight", Out, In, uniform_by_fan_in(In));
    if (options->bias) list.channel("bias", Out, uniform_by_fan_in(In));
  }
};

}  // namespace tinycnn
