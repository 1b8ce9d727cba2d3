// The passes of fused ops for activations that run over rows, and the table of them (see fused/row_passes.hpp).
#pragma once

#include <cstdint>

#include <tinycnn/backends/cpu/conv/epilogue/in_rows.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_add_relu.hpp>
#include <tinycnn/backends/cpu/fused/conv_bn_passes.hpp>
#include <tinycnn/backends/cpu/fused/row_passes.hpp>

namespace tinycnn::cpu {

namespace in_rows {

/// Calls f(first element, count) for parts of `all` elements that fit the first-level cache.
inline constexpr std::int64_t part_size = 1 << 11;
template <class Run, class F>
void for_parts(const Run& run, std::int64_t all, const F& f) {
  run.backend->pool().run(int((all + part_size - 1) / part_size), [&](int part, int) {
    const std::int64_t first = part * part_size;
    f(first, all - first < part_size ? all - first : part_size);
  });
}

template <class Run>
void apply(const Run& run, const AppliedActivation<float>& activation, std::int64_t count, const float* x, float* y) {
  for_parts(run, count, [=](std::int64_t at, std::int64_t part) {
    activation.loops->apply(*activation.layer, x + at, y + at, part);
  });
}

template <class Run>
void gradient(const Run& run, const AppliedActivation<float>& activation, std::int64_t count, const float* v,
              const float* dy, const float* add, float* dx) {
  for_parts(run, count, [=](std::int64_t at, std::int64_t part) {
    float g[part_size];
    activation.loops->gradient(*activation.layer, v + at, dy + at, add == nullptr ? dx + at : g, part);
    for (std::int64_t i = 0; add != nullptr && i < part; ++i) dx[at + i] = g[i] + add[at + i];
  });
}

template <class Run>
void gradient_in_place(const Run& run, const AppliedActivation<float>& activation, std::int64_t count, float* x,
                       const float* dy) {
  for_parts(run, count, [=](std::int64_t at, std::int64_t part) {
    if (activation.layer->activation->of_output) activation.apply(x + at, part);
    activation.loops->gradient(*activation.layer, x + at, dy + at, x + at, part);
  });
}

/// Calls f(offset of a pixel, first channel, channels) for parts of at most `row_size` channels of every pixel.
inline constexpr int row_size = 512;
template <class Run, class F>
void for_rows(const Run& run, std::int64_t pixels, int channels, const F& f) {
  const PixelBlocks blocks(pixels);
  run.backend->pool().run(blocks.count(run.n), [&](int block, int) {
    std::int64_t at = (blocks.sample(block) * pixels + blocks.first(block)) * channels;
    for (int p = 0; p < blocks.length(block); ++p, at += channels)
      for (int first = 0; first < channels; first += row_size) f(at, first, smaller(channels - first, row_size));
  });
}

template <class Isa, class Run>
void gradient_after_norm(const Run& run, const Step& step, std::int64_t pixels, const float* v, float* g) {
  const int channels = run.layer(step, 1).out.c;
  const ChannelStatistics k(run.statistics(step), channels);
  const auto activation = run.activation_of(step);
  const float* dy = run.data(step.dy);
  for_rows(run, pixels, channels, [=](std::int64_t at, int first, int width) {
    float x[row_size];
    for_channels<Isa>(width, [&]<class V>(V, int i) {
      const int c = first + i;
      store<V>(x + i, fma<Isa>(load<V>(v + at + c), load<V>(k.scale + c), load<V>(k.shift + c)));
    });
    if (activation.layer->activation->of_output) activation.apply(x, width);
    activation.loops->gradient(*activation.layer, x, dy + at + first, g + at + first, width);
  });
}

template <class Isa, class Run>
void gradient_after_sum(const Run& run, const Step& step, float* g) {
  const Dims dims = run.layer(step, 0).out;
  const auto activation = run.activation_of(step);
  const bool of_output = activation.layer->activation->of_output;
  const NormalisedSum<Isa> sum(run, step);
  const float *y = run.data(step.y), *dy = run.data(step.dy);
  for_rows(run, dims.pixels(), dims.c, [=](std::int64_t at, int first, int width) {
    float x[row_size];
    if (!of_output)
      for_channels<Isa>(width, [&]<class V>(V, int i) { store<V>(x + i, sum.template at<V>(at, first + i)); });
    activation.loops->gradient(*activation.layer, of_output ? y + at + first : x, dy + at + first, g + at + first,
                               width);
  });
}

template <class Isa, class Run>
void reduce_pooled(const Run& run, const Step& step, float* g) {
  const std::int64_t pixels = run.layer(step, 3).out.pixels();
  gradient_after_norm<Isa>(run, step, pixels, run.data(step.y), g);
  reduce_gradient<Isa>(run, step, pixels, run.data(step.y),
                       [=]<class V>(V, std::int64_t at, int) { return load<V>(g + at); });
}

}  // namespace in_rows

template <class Isa, class Run>
inline constexpr RowPasses<Isa, Run> row_passes_of{
    {&store_in_rows<Isa>, &reduce_in_rows<Isa>},
    &in_rows::apply<Run>,
    &in_rows::gradient<Run>,
    &in_rows::gradient_in_place<Run>,
    &in_rows::gradient_after_norm<Isa, Run>,
    &in_rows::gradient_after_sum<Isa, Run>,
    &in_rows::reduce_pooled<Isa, Run>,
};

}  // namespace tinycnn::cpu
