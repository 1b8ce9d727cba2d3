// CrossEntropy: the mean over the batch of -log softmax(logits)[label].
#pragma once

#include <cstdint>

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

inline constexpr Kind cross_entropy{.name = "CrossEntropy", .loss = true};

namespace mistakes {
inline constexpr Mistake class_count_differs{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::class_count_differs, Index, Where...> {
  static_assert(Index < 0, "the number of logits differs from the number of classes of the loss");
};

/// torch.nn.CrossEntropyLoss() on logits (N, K) and labels in [0, K): loss = mean over n of
/// log(sum over k of exp(x[n, k])) - x[n, label[n]]; dx[n, k] = (softmax(x[n])[k] - [k == label[n]]) / N.
/// CrossEntropyOver<K> also states the number of classes, so that a network with a different number of logits does not
/// compile.
template <int Classes>
struct CrossEntropyOver {
  static constexpr const Kind& kind = cross_entropy;
  static constexpr const Mistake* accepts(Dims x) {
    if (!x.flat) return &mistakes::wants_features;
    return Classes == 0 || x.size() == Classes ? nullptr : &mistakes::class_count_differs;
  }
  static constexpr Dims wants(Dims x) { return {Classes == 0 ? int(x.size()) : Classes, 1, 1, true}; }
  static constexpr Dims output(Dims) { return {1, 1, 1, true}; }  // the loss of each sample
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}
};

/// CrossEntropyOver with as many classes as the network has logits.
using CrossEntropy = CrossEntropyOver<0>;

}  // namespace tinycnn
