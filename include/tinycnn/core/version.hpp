// The version of the library, the one place that states it: CMake reads it from here.
#pragma once

/// major * 10000 + minor * 100 + patch; 100 is 0.1.0.
#define TINYCNN_VERSION 100
