// The rest of fast math is accepted.
// flags: -ffast-math -fno-finite-math-only
// flags: -Ofast -fno-finite-math-only
#include <tinycnn/tinycnn.hpp>

int main() {}
