// Training: Conv + BatchNorm, with or without ReLU. The convolution's output is stored; the rest waits for its readers.
#pragma once

#include <tinycnn/backends/cpu/conv_bn.hpp>
#include <tinycnn/layers/relu.hpp>

namespace tinycnn::cpu {

/// y = conv(x) + bias is left pending: relu(scale y + shift), or without the ReLU.
/// equals: reference::Conv2dRow, BatchNormRow (and ReluRow).
template <class Convolution, bool Relu>
struct ConvBnForm {
  using Isa = typename Convolution::Isa;
  static constexpr unsigned modes = in_training;
  static constexpr bool absorbs = true, emits = true, pending_relu = Relu, saves_input = true, saves_output = true;
  static constexpr bool finishes = true, takes_finished = Relu;
  static constexpr auto variant = &convolution_variant<Convolution>;
  static constexpr auto fits = &takes_convolution<Convolution>;
  static constexpr Needs needs(const Match& m) { return conv_bn_needs<Convolution>(m, 1, m.first().out.pixels()); }

  template <class Backend>
  static void forward(const Execution<Backend>& run, const Step& step) {
    StatisticsEpilogue<Isa> epilogue;
    epilogue.y = run.data(step.y);
    run_with_statistics<Convolution>(run, step, epilogue);
  }

  template <class Backend>
  static void backward(const Execution<Backend>& run, const Step& step) {
    const Dims dims = run.layer(step, 0).out;
    const ChannelNumbers k(run.statistics(step), dims.c);
    const float* dy = run.data(step.dy);
    const bool finished = step.finished;
    float* y = run.data(step.y);  // (N,P,Q,O), becomes its own gradient
    const auto g = [=]<class V>(V, long at, int c) {
      if (Relu && !finished)
        return masked<Isa, V>(dy, y, k, at, c);
      else
        return get<V>(dy + at);
    };
    if (!finished) reduce_gradient<Isa>(run, step, dims.pixels(), y, g);
    expand_gradient<Isa>(run, step, y, g);
    zero_bias_gradient(run, step);
    run_convolution_gradients<Convolution>(run, step, y, nullptr);
  }

  template <class Backend>
  static void commit(const Execution<Backend>& run, const Step& step) {
    commit_statistics(run, run.layer(step, 1), ChannelNumbers(run.statistics(step), run.layer(step, 0).out.c));
  }
};

template <class Convolution>
struct ConvBnRelu : ConvBnForm<Convolution, true> {
  static constexpr std::string_view name = "Conv+BatchNorm+ReLU";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm, &tinycnn::relu};
};

template <class Convolution>
struct ConvBn : ConvBnForm<Convolution, false> {
  static constexpr std::string_view name = "Conv+BatchNorm";
  static constexpr const Kind* pattern[] = {&conv2d, &batch_norm};
};

}  // namespace tinycnn::cpu
