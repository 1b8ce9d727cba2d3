// The options of layers with a window: Kernel, Stride, Padding, SamePadding, Dilation.
#pragma once

#include <type_traits>

#include <tinycnn/core/window.hpp>
#include <tinycnn/layers/options.hpp>

namespace tinycnn {

// Each takes one number, or two where rows and columns differ: Stride<2, 1> moves by 2 rows and by 1 column.

template <int... N>
struct Stride {};
/// Rows added above and below, and columns added left and right.
template <int... N>
struct Padding {};
template <int... N>
struct Dilation {};

/// The padding with which the output's extents are those of the input divided by the stride, rounded up; if it is odd,
/// the extra row is at the bottom and the extra column on the right. PyTorch's padding='same', TensorFlow's SAME,
/// ONNX's SAME_UPPER.
struct SamePadding {
  using option = Padding<>;
};

/// One number per axis.
struct Extents {
  int rows, columns;
};
constexpr Extents extents_of(int both) { return {both, both}; }
constexpr Extents extents_of(int rows, int columns) { return {rows, columns}; }
constexpr Extents extents_of(const Extents* kernel) { return *kernel; }

template <int Rows, int Columns>
struct KernelOf {
  static constexpr Extents extents{Rows, Columns};
};
/// A kernel that is not square, as in Conv2d<3, 64, Kernel<3, 5>>; a square one is a number, as in Conv2d<3, 64, 3>. It
/// is a pointer since one parameter takes either; compilers print it as &KernelOf<3, 5>::extents.
template <int Rows, int Columns>
inline constexpr const Extents* Kernel = &KernelOf<Rows, Columns>::extents;

/// What a layer takes as its kernel: a number or Kernel<R, S>.
template <class T>
concept KernelArgument = std::is_integral_v<T> || std::is_same_v<T, const Extents*>;

/// A layer's kernel as the first of its options.
template <KernelArgument auto K>
struct WithKernel {};

/// The options of every layer with a window; such a layer's options derive from it, so that `window_of` finds them.
struct WindowOptions : LayerOptions {
  Window window{};

  template <auto K>
  constexpr void set(WithKernel<K>) {
    window.rows.kernel = extents_of(K).rows;
    window.columns.kernel = extents_of(K).columns;
  }
  template <int... N>
    requires requires { extents_of(N...); }
  constexpr void set(Stride<N...>) {
    window.rows.stride = extents_of(N...).rows;
    window.columns.stride = extents_of(N...).columns;
  }
  template <int... N>
    requires requires { extents_of(N...); }
  constexpr void set(Padding<N...>) {
    window.rows.padding = window.rows.end_padding = extents_of(N...).rows;
    window.columns.padding = window.columns.end_padding = extents_of(N...).columns;
  }
  constexpr void set(SamePadding) { window.rows.same = window.columns.same = true; }
};

/// Those of a layer whose window can be dilated.
struct DilatedWindowOptions : WindowOptions {
  using WindowOptions::set;
  template <int... N>
    requires requires { extents_of(N...); }
  constexpr void set(Dilation<N...>) {
    window.rows.dilation = extents_of(N...).rows;
    window.columns.dilation = extents_of(N...).columns;
  }
};

/// A layer's window on its input.
constexpr Window window_of(const Layer& layer) { return options_of<WindowOptions>(layer).window.on(layer.in); }

namespace mistakes {
inline constexpr Mistake kernel_exceeds_input{};
}

template <int Index, class... Where>
struct Layer_number<mistakes::kernel_exceeds_input, Index, Where...> {
  static_assert(Index < 0, "the kernel is larger than the padded input");
};

/// Whether a window has a size that is not positive, or negative padding.
constexpr bool has_zero_size(const Window& k) {
  for (const WindowAxis& axis : {k.rows, k.columns})
    if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1 || axis.padding < 0) return true;
  return false;
}

/// The mistake of a window of positive sizes that does not fit in x, or null.
constexpr const Mistake* window_mistake(const Window& k, const Dims& x) {
  const Dims y = k.output(1, x);
  return y.h < 1 || y.w < 1 ? &mistakes::kernel_exceeds_input : nullptr;
}

}  // namespace tinycnn
