// The only translation unit of the examples that contains the code of stb.
#include <tinycnn/vision/stb.hpp>
