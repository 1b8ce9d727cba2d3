// Which of two ways a convolution is computed, direct or Winograd, and the memory that takes: by its shape alone.
#pragma once

#include <tinycnn/backends/cpu/convolution_forward.hpp>
#include <tinycnn/backends/cpu/convolution_input_gradient.hpp>
#include <tinycnn/backends/cpu/convolution_weight_gradient.hpp>
#include <tinycnn/backends/cpu/winograd_forward.hpp>
#include <tinycnn/backends/cpu/winograd_weight_gradient.hpp>

namespace tinycnn::cpu {

enum class Algorithm { direct, winograd };

/// Winograd where it has at most two thirds of the products left, and enough channels for those to outweigh its
/// transforms.
constexpr Algorithm convolution_algorithm(const ConvolutionShape& s) {
  constexpr int channels_least = 16;
  if (!winograd_fits(s) || s.x.c < channels_least || s.y.c < channels_least) return Algorithm::direct;
  const long products = long(Winograd::points) * tile_rows(s) * tile_columns(s);
  return 3 * products <= 2 * s.taps() * s.y.pixels() ? Algorithm::winograd : Algorithm::direct;
}

/// Any epilogue behind one type, so that a sweep is compiled once and not once for each: a call a panel costs nothing
/// beside the panel's work.
struct AnyEpilogue {
  const void* epilogue;
  void (*call)(const void* epilogue, const Panel&);
  int multiple;

  template <class Epilogue>
  explicit AnyEpilogue(const Epilogue& e)
      : epilogue(&e),
        call([](const void* self, const Panel& p) { static_cast<const Epilogue*>(self)->panel(p); }),
        multiple(e.row_multiple()) {}

  [[nodiscard]] int row_multiple() const { return multiple; }
  void panel(const Panel& p) const { call(epilogue, p); }
};

/// The three passes of a convolution under one set of names; each is what the algorithm's own file says.
template <class Isa>
struct Convolution {
  ConvolutionShape s;
  Algorithm algorithm;

  constexpr explicit Convolution(const ConvolutionShape& shape) : s(shape), algorithm(convolution_algorithm(shape)) {}
  [[nodiscard]] constexpr bool winograd() const { return algorithm == Algorithm::winograd; }

  [[nodiscard]] constexpr long packed_forward() const {
    return winograd() ? winograd_packed_floats<Isa>(s) : packed_forward_floats<Isa>(s);
  }
  /// Packed weights are, for each panel of outputs, this many rows of NR: one an input at each tap or point.
  [[nodiscard]] constexpr int packed_rows() const {
    return (winograd() ? Winograd::points : s.taps()) * s.group_inputs();
  }
  [[nodiscard]] constexpr long packed_input_gradient() const {
    return winograd() ? winograd_packed_input_gradient_floats<Isa>(s) : packed_input_gradient_floats<Isa>(s);
  }
  [[nodiscard]] constexpr long weight_gradient_shared() const {
    return winograd() ? winograd_gradient_shared_floats<Isa>(s) : weight_gradient_shared_floats<Isa>(s);
  }
  [[nodiscard]] constexpr long forward_scratch(int row_multiple) const {
    return winograd() ? winograd_scratch_floats<Isa>(s, row_multiple) : forward_scratch_floats<Isa>(s, row_multiple);
  }
  [[nodiscard]] constexpr long input_gradient_scratch() const {
    return winograd() ? winograd_input_gradient_scratch_floats<Isa>(s) : input_gradient_scratch_floats<Isa>(s);
  }
  [[nodiscard]] constexpr long weight_gradient_scratch() const {
    return winograd() ? winograd_gradient_scratch_floats<Isa>(s) : weight_gradient_scratch_floats<Isa>(s);
  }
  [[nodiscard]] constexpr int blocks(int n, int row_multiple) const {
    return winograd() ? winograd_blocks(s, n, row_multiple) : forward_blocks(s, n, row_multiple);
  }

  void pack(const float* w, float* packed, ThreadPool& pool) const {
    winograd() ? winograd_pack_forward<Isa>(s, w, packed, pool) : pack_forward<Isa>(s, w, packed, pool);
  }
  void pack_transposed(const float* w, float* packed, ThreadPool& pool) const {
    winograd() ? winograd_pack_input_gradient<Isa>(s, w, packed, pool) : pack_input_gradient<Isa>(s, w, packed, pool);
  }
  template <class Source, class Epilogue>
  void forward(int n, const Source& x, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
               float* scratch) const {
    const AnyEpilogue any(epilogue);
    winograd() ? winograd_forward<Isa>(s, n, x, packed, any, pool, scratch)
               : convolution_forward<Isa>(s, n, x, packed, any, pool, scratch);
  }
  template <class Source, class Epilogue>
  void input_gradient(int n, const Source& dy, const float* packed, const Epilogue& epilogue, ThreadPool& pool,
                      float* scratch) const {
    const AnyEpilogue any(epilogue);
    winograd() ? winograd_input_gradient<Isa>(s, n, dy, packed, any, pool, scratch)
               : convolution_input_gradient<Isa>(s, n, dy, packed, any, pool, scratch);
  }
  template <class SourceX, class SourceY>
  void weight_gradient(int n, const SourceX& x, const SourceY& dy, float* dw, float* db, ThreadPool& pool,
                       float* scratch, float* shared) const {
    winograd() ? winograd_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, shared)
               : convolution_weight_gradient<Isa>(s, n, x, dy, dw, db, pool, scratch, shared);
  }
};

}  // namespace tinycnn::cpu
