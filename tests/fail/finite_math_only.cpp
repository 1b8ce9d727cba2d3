// Flags that let the compiler assume every number to be finite; -w because clang warns of it, too.
// flags: -ffast-math -w
// flags: -Ofast -w
// flags: -ffinite-math-only -w
// expect: tinycnn must see NaN and infinity: add -fno-finite-math-only after
#include <tinycnn/tinycnn.hpp>

int main() {}
