// The one translation unit of the examples that holds stb's image decoder.
#include <tinycnn/vision/stb.hpp>
