// AnyEpilogue: one type for all epilogues, so that a pass is compiled only once.
#pragma once

#include <tinycnn/backends/cpu/conv/direct/tiled_loop.hpp>

namespace tinycnn::cpu {

/// A type-erased reference to an epilogue. Its one indirect call per output tile takes negligible time.
struct AnyEpilogue {
  const void* epilogue;
  void (*call)(const void* epilogue, const OutputTile&);
  bool (*call_few_channels)(const void* epilogue, const OutputTile&, const FewChannels&);
  int multiple;

  template <class Epilogue>
  explicit AnyEpilogue(const Epilogue& e)
      : epilogue(&e),
        call([](const void* self, const OutputTile& tile) { static_cast<const Epilogue*>(self)->apply(tile); }),
        call_few_channels([](const void* self, const OutputTile& tile, const FewChannels& operands) {
          if constexpr (requires(const Epilogue& own) { own.apply(tile, operands); })
            return static_cast<const Epilogue*>(self)->apply(tile, operands);
          else
            return false;
        }),
        multiple(e.row_multiple()) {}

  [[nodiscard]] int row_multiple() const { return multiple; }
  void apply(const OutputTile& tile) const { call(epilogue, tile); }
  bool apply(const OutputTile& tile, const FewChannels& operands) const {
    return call_few_channels(epilogue, tile, operands);
  }
};

}  // namespace tinycnn::cpu
