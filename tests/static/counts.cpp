// Counts beyond 2^31 are right whatever the width of `long`: tests/checks/compilers.py compiles this file for 32-bit
// targets, too. The multiply-accumulates of ResNet-50 are counted here once more, apart from the library.
#include <cstdint>

#include "../../examples/networks/resnet.hpp"

namespace {

using namespace tinycnn;
using Photograph = Image<3, 224, 224>;

// One bottleneck block, in -> mid -> mid -> 4 mid channels, whose output has size x size pixels: a 1x1 convolution, a
// strided 3x3 one, a 1x1 one, and the shortcut's 1x1 one.
constexpr std::int64_t bottleneck(std::int64_t in, std::int64_t mid, std::int64_t size, std::int64_t stride,
                                  bool shortcut) {
  const std::int64_t before = size * stride * size * stride, after = size * size;
  return before * in * mid + after * mid * mid * 9 + after * mid * 4 * mid + (shortcut ? after * in * 4 * mid : 0);
}
constexpr std::int64_t stage(std::int64_t in, std::int64_t mid, std::int64_t size, std::int64_t stride, int blocks) {
  return bottleneck(in, mid, size, stride, true) + (blocks - 1) * bottleneck(4 * mid, mid, size, 1, false);
}
constexpr std::int64_t resnet50 = std::int64_t(112) * 112 * 3 * 64 * 49 + stage(64, 64, 56, 1, 3) +
                                  stage(256, 128, 28, 2, 4) + stage(512, 256, 14, 2, 6) + stage(1024, 512, 7, 2, 3) +
                                  2048 * 11;
static_assert(graph_of<networks::ResNet50, Photograph, CrossEntropy>.macs == resnet50);
static_assert(resnet50 == 4'087'158'784);

// The arena of a training step with 256 such photographs, in bytes.
using Backend = Cpu<cpu::Baseline>;
using Training = Trainer<networks::ResNet50, Photograph, Batch<256>, CrossEntropy, Adam, Constant, Backend>;
static_assert(Training::arena_bytes > (std::int64_t{1} << 32));
static_assert(Training::arena_bytes == 256 * std::int64_t{Training::plan.per_sample});

}  // namespace
