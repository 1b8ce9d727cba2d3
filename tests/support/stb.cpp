// The only translation unit of the tests that contains the code of stb.
#include "tinycnn/vision/stb.hpp"
