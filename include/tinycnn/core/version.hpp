// The version of the library. It is stated only here; CMake reads it from this file.
#pragma once

/// major * 10000 + minor * 100 + patch; 100 is 0.1.0.
#define TINYCNN_VERSION 100
