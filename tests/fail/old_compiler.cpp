// With a compiler that is too old (simulated here), the error names the compilers to use.
// flags: -Wno-builtin-macro-redefined -U__GNUC__ -D__GNUC__=10 -U__clang_major__ -D__clang_major__=13
// expect: tinycnn needs g++ 11 or later, or clang 14 or later
#include <tinycnn/tinycnn.hpp>
