// BatchNorm: y = gamma (x - mean) / sqrt(var + eps) + beta, with mean and variance per channel.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include <tinycnn/layers/options.hpp>

namespace tinycnn {

inline constexpr Kind batch_norm{.name = "BatchNorm"};

/// Indices of the parameters and buffers of BatchNorm, in the order in which the layer lists them.
enum BatchNormParameter { norm_weight, norm_bias, norm_mean, norm_variance, norm_batches };

/// numerator / denominator, or -1, which no layer accepts, if the denominator is not positive.
constexpr double fraction(int numerator, int denominator) {
  return denominator < 1 ? -1 : double(numerator) / denominator;
}

/// BatchNorm's eps as a fraction: Epsilon<1, 100000> is 1e-5.
template <int Numerator, int Denominator>
struct Epsilon {};

/// BatchNorm's momentum as a fraction: Momentum<1, 10> is 0.1.
template <int Numerator, int Denominator>
struct Momentum {};

struct BatchNormOptions : LayerOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;

  template <int Numerator, int Denominator>
  constexpr void set(Epsilon<Numerator, Denominator>) {
    epsilon = fraction(Numerator, Denominator);
  }
  template <int Numerator, int Denominator>
  constexpr void set(Momentum<Numerator, Denominator>) {
    momentum = fraction(Numerator, Denominator);
  }
};

namespace mistakes {
inline constexpr Mistake bad_fraction{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::bad_fraction, Index, Where...> {
  static_assert(Index < 0,
                "Epsilon must not be negative, Momentum must lie between 0 and 1, both need a positive denominator");
};

/// Batch normalisation (Ioffe & Szegedy 2015): torch.nn.BatchNorm2d(Channels) on images, BatchNorm1d on features.
/// Training normalises with the mean and the biased variance over the batch and all pixels, and updates the running
/// statistics: running = (1 - momentum) running + momentum batch, with the unbiased variance. Inference normalises with
/// the running statistics. A training batch must hold more than one value per channel; otherwise Trainer::step throws
/// an Error. Options: Epsilon<1, 100000>, Momentum<1, 10>.
/// Parameters, with initial values: weight (C) = 1, bias (C) = 0. Buffers: running_mean (C) = 0, running_var (C) = 1,
/// num_batches_tracked = 0.
template <int Channels, class... Choices>
struct BatchNorm {
  static constexpr const Kind& kind = batch_norm;
  static constexpr const Chosen<BatchNormOptions>* chosen = &chosen_options<BatchNormOptions, Choices...>;
  static constexpr const BatchNormOptions* options = &chosen->options;

  static constexpr const Mistake* accepts(Dims x) {
    if (chosen->mistake != nullptr) return chosen->mistake;
    if (Channels < 1) return &mistakes::zero_size;
    if (options->epsilon < 0 || options->momentum < 0 || options->momentum > 1) return &mistakes::bad_fraction;
    if (x.flat) return x.size() == Channels ? nullptr : &mistakes::wrong_features;
    return x.c == Channels ? nullptr : &mistakes::wrong_channels;
  }
  static constexpr Dims wants(Dims x) { return x.flat ? Dims{Channels, 1, 1, true} : Dims{Channels, x.h, x.w, false}; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr std::int64_t macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList& list) {
    list.channel("weight", Channels, ones);
    list.channel("bias", Channels, zeros);
    list.channel_buffer("running_mean", Channels, zeros);
    list.channel_buffer("running_var", Channels, ones);
    list.counter("num_batches_tracked");
  }
};

/// 1 / sqrt(variance + epsilon) for a batch of `count` values. NaN if the unbiased variance overflows T: the result
/// 1 / sqrt(infinity) = 0 would hide the overflow from the check that keeps the running variance finite.
template <class T>
double inverse_deviation(double variance, double count, double epsilon) {
  constexpr double most = double(std::numeric_limits<T>::max());
  return variance * (count / (count - 1)) <= most ? 1 / std::sqrt(variance + epsilon)
                                                  : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tinycnn
