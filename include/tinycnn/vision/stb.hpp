// The code of stb_image and stb_image_write. Include it in exactly one .cpp of a program that reads or writes pictures.
#pragma once

#if defined(STBI_INCLUDE_STB_IMAGE_H) || defined(INCLUDE_STB_IMAGE_WRITE_H)
#error "include tinycnn/vision/stb.hpp before any other header that includes stb"
#endif

#include <stdlib.h>

// Zeroed memory: version 2.27 decodes a JPEG by tables that no segment has set. At most 1 GB, enough for the compressed
// and the plain bytes of the largest picture: it doubles its memory for as long as a PNG's pixels go on. Beyond that
// errno is not set, which tells such a file from a machine whose memory ran out.
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
