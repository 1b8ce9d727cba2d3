// Memory that runs out says nothing about a picture. It does so in a child process here, with a limit of its own; the
// sanitizers reserve more address space than any limit and are left out.
#include <doctest/doctest.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define TINYCNN_TEST_LIMITS_MEMORY
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define TINYCNN_TEST_LIMITS_MEMORY
#endif
#endif

#ifdef TINYCNN_TEST_LIMITS_MEMORY
#include <cstdlib>
#include <new>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/picture_bytes.hpp"
#include "../support/scratch_folder.hpp"
#include "tinycnn/data/loader.hpp"

using namespace tinycnn;

namespace {

/// Limits this process to `bytes` more memory than it has now.
void limit_memory(std::size_t bytes) {
  const std::size_t pages = std::strtoull(read_file("/proc/self/statm").c_str(), nullptr, 10);
  const rlim_t limit = pages * std::size_t(::sysconf(_SC_PAGESIZE)) + bytes;
  const struct rlimit both{limit, limit};
  ::setrlimit(RLIMIT_AS, &both);
}

/// What `action` returns in a child process.
template <class Action>
std::string said_by_child(const std::string& file, Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    put_file(file, action());
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return read_file(file);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("memory that runs out is no damage: decoding throws bad_alloc, find_damaged stops") {
    const ScratchFolder folder;
    std::string jpeg = picture_bytes::bytes_of(picture_bytes::Jpeg{}), bmp(62 + 9024 / 8 * 9000, '\0');
    jpeg.replace(jpeg.find("\xff\xc0") + 5, 4, picture_bytes::big_endian(9000, 2) + picture_bytes::big_endian(9000, 2));
    const std::string small = picture_bytes::bytes_of(picture_bytes::Bmp{.w = 9000, .h = 1, .bits = 1});
    bmp.replace(0, 62, small, 0, 62).replace(22, 4, picture_bytes::little_endian(9000, 4));
    for (const auto& [name, bytes] : {std::pair<std::string, std::string>{"0_1.jpg", jpeg}, {"0_1.bmp", bmp}}) {
      CAPTURE(name);
      const std::string path = folder / name;
      put_file(path, bytes);
      put_file(folder / "0_0.jpg", "damaged");
      const ImageFolder images{{folder / "0_0.jpg", path}, {0, 0}};
      const std::string said = said_by_child(folder / "said", [&] {
        Loader loader(images, {3, 8, 8}, 2, 1);
        limit_memory(48 << 20);
        const std::string listed = error_of([&] { loader.find_damaged(); });
        try {
          decode_image(path);
        } catch (const std::bad_alloc&) {
          return listed;
        } catch (const Error& error) {
          return std::string(error.what());
        }
        return std::string("decoded");
      });
      CHECK(said == "cannot load '" + path + "': out of memory; free some, or use fewer threads");
    }
  }
}
#endif
