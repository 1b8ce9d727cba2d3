// How a layer gets its options, types such as Stride<2> or NoBias: each sets a field of the layer's own options struct.
#pragma once

#include <tinycnn/layers/layer.hpp>
#include <tinycnn/layers/mistake.hpp>

namespace tinycnn {

namespace mistakes {
inline constexpr Mistake unknown_option{};
inline constexpr Mistake repeated_option{};
}  // namespace mistakes

template <int Index, class... Where>
struct Layer_number<mistakes::unknown_option, Index, Where...> {
  static_assert(Index < 0, "this layer does not have one of the given options");
};
template <int Index, class... Where>
struct Layer_number<mistakes::repeated_option, Index, Where...> {
  static_assert(Index < 0, "an option is given twice");
};

/// The options of a layer after its option types were applied to the defaults, and the first mistake among these types.
template <class Options>
struct Chosen {
  Options options{};
  const Mistake* mistake = nullptr;
};

namespace detail {

// Whether two option types set the same option: they come from one template (Stride<1>, Stride<2>), or are one type, or
// one names the other as its `option` (NoBias and Bias, say).
template <template <int...> class Option, int... A, int... B>
constexpr bool same_option(const Option<A...>*, const Option<B...>*) {
  return true;
}
template <class Option>
constexpr bool same_option(const Option*, const Option*) {
  return true;
}
template <class A, class B>
constexpr bool same_option(const A*, const B*) {
  return false;
}

template <class Option>
struct NamedOption {
  using type = Option;
};
template <class Option>
  requires requires { typename Option::option; }
struct NamedOption<Option> {
  using type = typename Option::option;
};
template <class Option>
constexpr const typename NamedOption<Option>::type* option_of = nullptr;

template <class... Choices>
inline constexpr bool repeats_option = false;
template <class First, class... More>
inline constexpr bool repeats_option<First, More...> =
    (same_option(option_of<First>, option_of<More>) || ...) || repeats_option<More...>;

}  // namespace detail

/// Applies the option types to `options` in order, each by `options.set(Choice{})`: a layer has those options that its
/// struct has a `set` for. It is a mistake to give a type that it has none for, or one option twice.
template <class... Choices, class Options>
constexpr Chosen<Options> choose(const Options& options) {
  Chosen<Options> chosen{options, nullptr};
  if constexpr (detail::repeats_option<Choices...>) chosen.mistake = &mistakes::repeated_option;
  [[maybe_unused]] auto one = [&]<class Choice>(const Choice*) {
    if (chosen.mistake != nullptr) return;
    if constexpr (requires { chosen.options.set(Choice{}); })
      chosen.options.set(Choice{});
    else
      chosen.mistake = &mistakes::unknown_option;
  };
  (one(static_cast<const Choices*>(nullptr)), ...);
  return chosen;
}

/// The options of a layer with these option types. Layers that differ in other respects share them.
template <class Options, class... Choices>
inline constexpr Chosen<Options> chosen_options = choose<Choices...>(Options{});

/// PyTorch's `bias=False`.
struct NoBias {};

}  // namespace tinycnn
