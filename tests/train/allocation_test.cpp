// Training steps, evaluations and predictions allocate no memory: this program counts the calls of malloc, its
// relatives and mmap. Sanitizers replace malloc, so there this file has no test case.
#include <doctest/doctest.h>

#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include <tinycnn/tinycnn.hpp>
#include <tinycnn/vision/encode.hpp>

#include "../support/scratch_folder.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#if !defined(COUNTS_ALLOCATIONS)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
#endif
#endif

namespace {
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};
[[maybe_unused]] void count_allocation() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

#if COUNTS_ALLOCATIONS
// These definitions take precedence over glibc's; operator new calls malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  count_allocation();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  count_allocation();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  count_allocation();
  return __libc_realloc(old, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  *out = memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
void* mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  count_allocation();
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}
}
namespace {

using namespace tinycnn;

/// The number of allocations on any thread while f runs.
template <class F>
int allocations_of(F&& f) {
  allocations = 0;
  counting = true;
  f();
  counting = false;
  return allocations;
}

TEST_CASE("allocations are counted") {
  CHECK(allocations_of([] { ::operator delete(::operator new(100)); }) == 1);  // compilers do not remove these calls
  CHECK(allocations_of([] { const Buffer<float> buffer(1000); }) == 1);
  CHECK(allocations_of([] {}) == 0);
}

using Net = Sequential<Conv2d<3, 8, 3, Padding<1>>, BatchNorm<8>, ReLU, MaxPool<2>,
                       Residual<Sequential<Conv2d<8, 8, 3, Padding<1>>, BatchNorm<8>>>, ReLU,
                       Concat<Identity, Sequential<Conv2d<8, 3, 1>, SiLU>>, AvgPool<2>, MaxPool<2>, Flatten,
                       Linear<44, 16>, GELU, Dropout<>, Linear<16, 5>>;

TEST_CASE_TEMPLATE("no step, evaluation or prediction allocates", Backend, Cpu<>, Reference<>) {
  using Optimizer = ParameterGroups<Adam, 2>;
  Trainer<Net, Image<3, 16, 16>, Batch<6>, CrossEntropy, Optimizer, ReduceLROnPlateau, Backend> trainer(
      {.optimizer = {.rule = [](const ParameterName& p) { return p.rank == 1 ? 1 : 0; }},
       .clip_norm = 1,
       .threads = 3,
       .accumulate = 2});
  std::vector<float> images(6 * 3 * 16 * 16), logits(6 * 5);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = uniform(1, 2, i);
  const std::vector<int> labels{0, 1, 2, 3, 4, 0};
  CHECK(allocations_of([&] { trainer.step(images.data(), labels.data(), 6); }) == 0);
  CHECK(allocations_of([&] { trainer.step(images.data(), labels.data(), 2); }) == 0);
  CHECK(allocations_of([&] { trainer.evaluate(images.data(), labels.data(), 5); }) == 0);
  CHECK(allocations_of([&] { trainer.predict(images.data(), 6, logits.data()); }) == 0);
  CHECK(allocations_of([&] { trainer.step(images.data(), labels.data(), 6); }) == 0);
  CHECK(allocations_of([&] {
          for (int n : {4, 2}) {
            trainer.forward(images.data(), labels.data(), n);
            trainer.backward();
          }
          trainer.update();
          trainer.schedule().observe(1);
        }) == 0);

  Predictor<Net, Image<3, 16, 16>, Batch<6>, Backend> predictor(2);
  CHECK(allocations_of([&] { predictor.prepare(); }) == 0);
  CHECK(allocations_of([&] { predictor.predict(images.data(), 4, logits.data()); }) == 0);
}

TEST_CASE("an epoch of cached pictures allocates nothing on any of its threads") {
  const ScratchFolder folder;
  for (int i = 0; i < 9; ++i)
    put_file(folder / "0_" + std::to_string(i) + ".jpg",
             encode_jpeg({12, 10, std::vector<std::uint8_t>(12 * 10 * 3, std::uint8_t(20 * i))}, 90));
  const ImageFolder pictures = list_folder(folder.path);
  Loader loader(pictures, Image<3, 8, 8>::dims, 2, 2, folder / "cache");
  Minibatch batch;
  const auto epoch = [&] {
    while (loader.next(batch)) {
    }
  };
  loader.begin_epoch(sequential(9));
  CHECK(allocations_of(epoch) > 0);  // decoding does
  loader.begin_epoch(sequential(9));
  CHECK(allocations_of(epoch) == 0);
}

}  // namespace

#endif
