// The implementation of stb_image and stb_image_write. A program that reads or writes pictures must include this header
// in exactly one .cpp.
#pragma once

#if defined(STBI_INCLUDE_STB_IMAGE_H) || defined(INCLUDE_STB_IMAGE_WRITE_H)
#error "include tinycnn/vision/stb.hpp before any other header that includes stb"
#endif

#include <stdlib.h>

// Memory is zeroed because version 2.27 may decode a JPEG with tables that no segment has set. It is limited to 1 GB,
// which is enough for the largest picture, because stb_image keeps doubling its buffer while a PNG's data goes on.
// Beyond the limit errno is not set, which tells such a file from a machine that has run out of memory.
#define STBI_MALLOC(size) calloc(1, size)
#define STBI_REALLOC(memory, size) ((size) > 1 << 30 ? NULL : realloc(memory, size))
#define STBI_FREE(memory) free(memory)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_WRITE_IMPLEMENTATION
