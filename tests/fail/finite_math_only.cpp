// Flags that let the compiler assume finite values; -w because clang also warns about them.
// flags: -ffast-math -w
// flags: -Ofast -w
// flags: -ffinite-math-only -w
// expect: tinycnn must see NaN and infinity: add -fno-finite-math-only after
#include <tinycnn/tinycnn.hpp>

int main() {}
