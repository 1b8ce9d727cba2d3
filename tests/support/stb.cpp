// The one translation unit of the tests that holds stb's code.
#include "tinycnn/vision/stb.hpp"
