// A compiler that is too old, here one that says so, is told which one to take.
// flags: -Wno-builtin-macro-redefined -U__GNUC__ -D__GNUC__=10 -U__clang_major__ -D__clang_major__=13
// expect: tinycnn needs g++ 11 or later, or clang 14 or later
#include <tinycnn/tinycnn.hpp>
