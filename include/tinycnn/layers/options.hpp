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

template <template <int...> class Option>
inline constexpr char option_template{};
template <class Option>
inline constexpr char option_type{};

// What identifies an option: its template, whatever the arguments (Stride<1>, Stride<2>); for a type that names another
// as its `option` (NoBias and Bias, say), that one; else the type itself.
template <template <int...> class Option, int... Value>
constexpr const char* option_of(const Option<Value...>*) {
  return &option_template<Option>;
}
template <class Option>
constexpr const char* option_of(const Option*) {
  return &option_type<Option>;
}
template <class Option>
  requires requires { typename Option::option; }
constexpr const char* option_of(const Option*) {
  return option_of(static_cast<const typename Option::option*>(nullptr));
}

}  // namespace detail

/// Applies the option types to `options` in order, each by `options.set(Choice{})`: a layer has those options that its
/// struct has a `set` for. It is a mistake to give a type that it has none for, or one option twice.
template <class... Choices, class Options>
constexpr Chosen<Options> choose(const Options& options) {
  Chosen<Options> chosen{options, nullptr};
  [[maybe_unused]] const char* seen[sizeof...(Choices) + 1] = {};
  [[maybe_unused]] int count = 0;
  [[maybe_unused]] auto one = [&]<class Choice>(const Choice* choice) {
    if (chosen.mistake != nullptr) return;
    if constexpr (requires { chosen.options.set(Choice{}); }) {
      seen[count] = detail::option_of(choice);
      for (int i = 0; i < count; ++i)
        if (seen[i] == seen[count]) chosen.mistake = &mistakes::repeated_option;
      ++count;
      if (chosen.mistake == nullptr) chosen.options.set(Choice{});
    } else {
      chosen.mistake = &mistakes::unknown_option;
    }
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
