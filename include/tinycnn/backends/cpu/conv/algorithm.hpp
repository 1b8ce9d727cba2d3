// Which algorithm computes a convolution, direct or Winograd, and the memory it needs: by its shape, for inference also
// by the batch's capacity.
#pragma once

#include <tinycnn/backends/cpu/conv/direct/forward.hpp>
#include <tinycnn/backends/cpu/conv/direct/input_gradient.hpp>
#include <tinycnn/backends/cpu/conv/direct/weight_gradient.hpp>
#include <tinycnn/backends/cpu/conv/winograd/forward.hpp>
#include <tinycnn/backends/cpu/conv/winograd/weight_gradient.hpp>
#include <tinycnn/layers/layer.hpp>

namespace tinycnn::cpu {

/// `narrow` is Winograd with tiles of 4 x 2 outputs instead of 4 x 4.
enum class Algorithm { direct, winograd, narrow };

/// Winograd where it has at most two thirds of the products left, and enough channels for those to outweigh its
/// transforms.
constexpr Algorithm choose_algorithm(const ConvolutionShape& s) {
  constexpr int channels_least = 16;
  if (!winograd_fits(s) || s.x.c < channels_least || s.y.c < channels_least) return Algorithm::direct;
  const long products = long(Winograd::points) * tile_rows(s) * tile_columns(s);
  return 3 * products <= 2 * s.taps() * s.y.pixels() ? Algorithm::winograd : Algorithm::direct;
}

/// For inference: where Winograd pays at all, whatever takes a whole batch the fewest steps of the micro-kernel, and of
/// equals what has the fewest weights to read. Tiles of 4 x 4 unless their number leaves register tiles empty.
template <class Isa>
constexpr Algorithm choose_inference_algorithm(const ConvolutionShape& s, long capacity) {
  if (choose_algorithm(s) == Algorithm::direct) return Algorithm::direct;
  const auto steps = [&](int points, long rows) { return points * ((capacity * rows + MR<Isa> - 1) / MR<Isa>); };
  const auto tiled = [&](int width) {
    return steps(Winograd::points_of(width), long(tile_rows(s)) * tile_columns(s, width));
  };
  const long direct = steps(s.taps(), s.y.pixels());
  const long narrow = tiled(Winograd::narrow), wide = tiled(Winograd::tile);
  if (direct <= narrow && direct <= wide) return Algorithm::direct;
  return narrow <= wide ? Algorithm::narrow : Algorithm::winograd;
}

/// Any epilogue behind one type, so that a pass is compiled once and not once for each: one call per output tile costs
/// nothing beside the tile's work.
struct AnyEpilogue {
  const void* epilogue;
  void (*call)(const void* epilogue, const OutputTile&);
  bool (*call_few)(const void* epilogue, const OutputTile&, const FewChannels&);
  int multiple;

  template <class Epilogue>
  explicit AnyEpilogue(const Epilogue& e)
      : epilogue(&e),
        call([](const void* self, const OutputTile& p) { static_cast<const Epilogue*>(self)->apply(p); }),
        call_few([](const void* self, const OutputTile& p, const FewChannels& x) {
          if constexpr (requires(const Epilogue& own) { own.apply(p, x); })
            return static_cast<const Epilogue*>(self)->apply(p, x);
          else
            return false;
        }),
        multiple(e.row_multiple()) {}

  [[nodiscard]] int row_multiple() const { return multiple; }
  void apply(const OutputTile& p) const { call(epilogue, p); }
  bool apply(const OutputTile& p, const FewChannels& x) const { return call_few(epilogue, p, x); }
};

/// The three passes of a convolution under one set of names; each is what the algorithm's own file says. The rows of a
/// backend take such a type: this one, or DepthwiseConvolution. `AllowWinograd`: whether it may use Winograd.
template <class InstructionSet, bool AllowWinograd = true>
struct DenseConvolution {
  using Isa = InstructionSet;
  ConvolutionShape s;
  Algorithm algorithm;

  constexpr explicit DenseConvolution(const ConvolutionShape& shape) : s(shape), algorithm(choose_algorithm(shape)) {}
  constexpr DenseConvolution(const ConvolutionShape& shape, Algorithm chosen) : s(shape), algorithm(chosen) {}

  /// The convolution of a layer.
  static constexpr DenseConvolution of(const Layer& conv) {
    const bool no_winograd = conv.options.no_winograd || !AllowWinograd;
    return DenseConvolution({conv.in, conv.out, conv.options.window, conv.options.groups, no_winograd});
  }
  static constexpr bool takes(const Layer&) { return true; }
  [[nodiscard]] constexpr bool winograd() const { return algorithm != Algorithm::direct; }
  [[nodiscard]] constexpr int tile_width() const {
    return algorithm == Algorithm::narrow ? Winograd::narrow : Winograd::tile;
  }
  /// What `describe` says; empty for direct.
  [[nodiscard]] constexpr std::string_view variant() const { return winograd() ? "Winograd" : ""; }

  [[nodiscard]] constexpr long packed_forward() const {
    return winograd() ? winograd_packed_floats<Isa>(s, tile_width()) : direct_packed_floats<Isa>(s);
  }
  /// Packed weights are, for each panel of outputs, this many rows of NR: one an input at each tap or point.
  [[nodiscard]] constexpr int packed_rows() const {
    return (winograd() ? Winograd::points_of(tile_width()) : s.taps()) * s.group_inputs();
  }
  /// Panels start anew after this many outputs.
  [[nodiscard]] constexpr int packed_outputs() const { return s.group_outputs(); }
  [[nodiscard]] constexpr long packed_input_gradient() const {
    return winograd() ? winograd_packed_input_gradient_floats<Isa>(s) : direct_packed_input_gradient_floats<Isa>(s);
  }
  [[nodiscard]] constexpr long weight_gradient_shared() const {
    return winograd() ? winograd_weight_gradient_shared_floats<Isa>(s) : direct_weight_gradient_shared_floats<Isa>(s);
  }
  [[nodiscard]] constexpr long forward_scratch(int row_multiple) const {
    return winograd() ? winograd_scratch_floats<Isa>(s, row_multiple, tile_width())
                      : direct_scratch_floats<Isa>(s, row_multiple);
  }
  [[nodiscard]] constexpr long input_gradient_scratch() const {
    return winograd() ? winograd_input_gradient_scratch_floats<Isa>(s) : direct_input_gradient_scratch_floats<Isa>(s);
  }
  [[nodiscard]] constexpr long weight_gradient_scratch() const {
    return winograd() ? winograd_weight_gradient_scratch_floats<Isa>(s) : direct_weight_gradient_scratch_floats<Isa>(s);
  }
  [[nodiscard]] constexpr int blocks(int n, int row_multiple) const {
    return winograd() ? winograd_blocks(s, n, row_multiple) : direct_blocks(s, n, row_multiple);
  }

  [[nodiscard]] constexpr int input_gradient_blocks(int n) const {
    return winograd() ? winograd_blocks(winograd_transposed(s), n) : direct_input_gradient_blocks(s, n);
  }

  void pack(const float* w, float* packed, ThreadPool& pool) const {
    winograd() ? winograd_pack_forward<Isa>(s, w, packed, pool, tile_width())
               : direct_pack_forward<Isa>(s, w, packed, pool);
  }
  void pack_transposed(const float* w, float* packed, ThreadPool& pool) const {
    winograd() ? winograd_pack_input_gradient<Isa>(s, w, packed, pool)
               : direct_pack_input_gradient<Isa>(s, w, packed, pool);
  }
  template <class Source, class Epilogue>
  void forward(int n, const Source& x, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
               float* scratch) const {
    const AnyEpilogue any(epilogue);
    winograd() ? winograd_forward<Isa>(s, n, x, packed, any, pool, scratch, tile_width())
               : direct_forward<Isa>(s, n, x, packed, any, pool, scratch);
  }
  template <class Source, class Epilogue>
  void input_gradient(int n, const Source& dy, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                      float* scratch) const {
    const AnyEpilogue any(epilogue);
    winograd() ? winograd_input_gradient<Isa>(s, n, dy, packed, any, pool, scratch)
               : direct_input_gradient<Isa>(s, n, dy, packed, any, pool, scratch);
  }
  template <class SourceX, class SourceY>
  void weight_gradient(int n, const SourceX& x, const SourceY& dy, float* dw, float* db, ThreadPool& pool,
                       float* scratch, float* shared) const {
    winograd() ? winograd_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, shared)
               : direct_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, shared);
  }
};

}  // namespace tinycnn::cpu
