// The cache of decoded pictures: it returns bitwise what decoding returns, and a damaged cache only costs time.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

#include "../support/scratch_folder.hpp"
#include "tinycnn/core/random.hpp"
#include "tinycnn/data/loader.hpp"
#include "tinycnn/data/shuffle.hpp"
#include "tinycnn/vision/encode.hpp"

using namespace tinycnn;

namespace {

constexpr int count = 13;
constexpr Dims dims{3, 10, 14};
constexpr long record = 8 + 3 * 10 * 14, header = 16;

/// Writes random pictures 0_0.jpg … that depend on the seed.
ImageFolder make_folder(const std::string& path, std::uint64_t seed) {
  make_directories(path);
  for (int i = 0; i < count; ++i) {
    Picture picture{20 + i, 30, {}};
    for (int k = 0; k < picture.w * picture.h * 3; ++k)
      picture.rgb.push_back(std::uint8_t(below(seed, std::uint64_t(i), std::uint64_t(k), 256)));
    put_file(path + "/0_" + std::to_string(i) + ".jpg", encode_jpeg(picture, 90));
  }
  return list_folder(path);
}

/// The images of an epoch in a shuffled order.
std::vector<float> images_of(Loader& loader) {
  std::vector<float> images;
  loader.begin_epoch(shuffled(count, 3, 1));
  for (Minibatch batch; loader.next(batch);)
    images.insert(images.end(), batch.images, batch.images + batch.n * dims.size());
  return images;
}
std::vector<float> images_of(const ImageFolder& folder, const std::string& cache) {
  Loader loader(folder, dims, 4, 2, cache);
  std::vector<float> images = images_of(loader);
  CHECK(loader.take_cache_fault() == "");
  return images;
}

/// The pictures in the cache, as a string with 1 for those it has and 0 for the others.
std::string known(const ImageFolder& folder, const std::string& path, Dims image = dims) {
  const PictureCache cache(folder, image, path);
  std::vector<std::uint8_t> pixels(std::size_t(image.size()));
  std::string answer;
  for (int i = 0; i < int(folder.size()); ++i) answer += cache.read(i, pixels.data()) ? '1' : '0';
  return answer;
}

const std::string all(count, '1'), none(count, '0');

/// While one exists, no file can grow beyond this number of bytes. It simulates a full disk, except for the errno.
struct FileLimit {
  explicit FileLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit limit{bytes, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
  }
  rlimit old{};
  void (*handler)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

}  // namespace

TEST_SUITE("picture cache") {
  TEST_CASE("cached pictures are bitwise the decoded ones, on any number of threads") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    const std::vector<float> expected = images_of(pictures, "");
    for (const int threads : {1, 2, 5}) {
      const std::string path = folder / std::to_string(threads);
      {
        Loader loader(pictures, dims, 4, threads, path);
        CHECK(images_of(loader) == expected);
      }
      CHECK(known(pictures, path) == all);
      Loader loader(pictures, dims, 4, threads, path);
      CHECK(images_of(loader) == expected);
      CHECK(images_of(loader) == expected);
    }
  }

  TEST_CASE("a loader decodes each picture once") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    Loader loader(pictures, dims, 4, 2, folder / "cache");
    const std::vector<float> expected = images_of(loader);
    for (const std::string& path : pictures.paths) put_file(path, "no picture");
    CHECK(images_of(loader) == expected);
  }

  TEST_CASE("only pictures that changed are decoded again") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    images_of(pictures, folder / "cache");

    const std::string bytes = read_file(pictures.paths[3]);  // the same size and mtime, but another quantisation
    struct stat before;
    REQUIRE(::stat(pictures.paths[3].c_str(), &before) == 0);
    std::string other = bytes;
    other[40] = char(other[40] + 1);
    put_file(pictures.paths[3], other);
    const timespec times[] = {before.st_atim, before.st_mtim};
    REQUIRE(::utimensat(AT_FDCWD, pictures.paths[3].c_str(), times, 0) == 0);
    CHECK(known(pictures, folder / "cache") == "1110111111111");
    CHECK(images_of(pictures, folder / "cache") == images_of(pictures, ""));
    CHECK(known(pictures, folder / "cache") == all);

    put_file(folder / "data/0_1.jpg", bytes);
    CHECK(known(pictures, folder / "cache") == "1011111111111");
    std::remove(pictures.paths[0].c_str());  // the index of every later picture decreases by one
    CHECK(known(list_folder(folder / "data"), folder / "cache") == none.substr(1));
  }

  TEST_CASE("a cache of other pictures or of another size is not used") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1), others = make_folder(folder / "others", 2);
    images_of(others, folder / "cache");
    CHECK(known(pictures, folder / "cache") == none);
    CHECK(images_of(pictures, folder / "cache") == images_of(pictures, ""));
    CHECK(known(pictures, folder / "cache", {3, 14, 10}) == none);
    CHECK(known(pictures, folder / "cache", {3, 20, 20}) == none);
  }

  TEST_CASE("a truncated or altered cache gives no wrong pixel") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    const std::string path = folder / "cache";
    const std::vector<float> expected = images_of(pictures, path);
    const std::string whole = read_file(path);
    REQUIRE(long(whole.size()) == header + count * record);

    for (const long size : {0L, 1L, header - 1, header, header + 7, header + record - 1, header + record,
                            header + 5 * record + 100, header + count * record - 1}) {
      CAPTURE(size);
      put_file(path, whole.substr(0, std::size_t(size)));
      std::string left = none;
      for (long i = 0; i < count && header + (i + 1) * record <= size; ++i) left[std::size_t(i)] = '1';
      CHECK(known(pictures, path) == left);
      put_file(path, whole.substr(0, std::size_t(size)));
      CHECK(images_of(pictures, path) == expected);
      CHECK(read_file(path) == whole);
    }
    put_file(path, whole + "and more");
    CHECK(known(pictures, path) == all);
    CHECK(read_file(path) == whole);

    for (long at = 0; at < record; ++at) {  // any bit of a picture or of its checksum
      std::string altered = whole;
      altered[std::size_t(header + 4 * record + at)] ^= char(1 << at % 8);
      put_file(path, altered);
      CHECK(known(pictures, path) == "1111011111111");
    }
    put_file(path, whole.substr(0, std::size_t(header)) + std::string(std::size_t(count * record), '\0'));
    CHECK(known(pictures, path) == none);
    std::string swapped = whole;  // a picture at the index of another
    swapped.replace(std::size_t(header), std::size_t(record), whole, std::size_t(header + record), std::size_t(record));
    put_file(path, swapped);
    CHECK(images_of(pictures, path) == expected);
  }

  TEST_CASE("without a usable cache, one message says why and the pictures are the same") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    const std::vector<float> expected = images_of(pictures, "");
    const auto fault_of = [&](const std::string& path) {
      Loader loader(pictures, dims, 4, 2, path);
      CHECK(images_of(loader) == expected);
      CHECK(images_of(loader) == expected);
      std::string fault = loader.take_cache_fault();
      CHECK(loader.take_cache_fault() == "");
      return fault;
    };
    CHECK(fault_of(folder / "none/cache") == "pictures are decoded anew each epoch, as their cache '" +
                                                 (folder / "none/cache") +
                                                 "' cannot be written: No such file or directory");
    CHECK(contains(fault_of(folder.path), "cannot be written: it is not a regular file"));
    CHECK(contains(fault_of("/dev/null"), "cannot be written: it is not a regular file"));
    put_file(folder / "letter", "Dear reader");
    CHECK(contains(fault_of(folder / "letter"), "cannot be written: it is something else, which is left alone"));
    CHECK(read_file(folder / "letter") == "Dear reader");

    const FileLimit limit(header + 3 * record);
    CHECK(contains(fault_of(folder / "cache"), "cannot be written: File too large"));
    CHECK_FALSE(path_exists(folder / "cache"));
  }

  TEST_CASE("a cache that can no longer be written is still read") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    const std::vector<float> expected = images_of(pictures, "");
    Loader loader(pictures, dims, 4, 1, folder / "cache");
    {
      const FileLimit limit(header + 3 * record);
      CHECK(images_of(loader) == expected);
    }
    CHECK(contains(loader.take_cache_fault(), "cannot be written: File too large"));
    CHECK(loader.take_cache_fault() == "");
    CHECK(images_of(loader) == expected);
    CHECK(loader.take_cache_fault() == "");
  }

  TEST_CASE("a cache uses at most half of the free disk space") {
    const ScratchFolder folder;
    ImageFolder pictures;
    pictures.paths.assign(30000, folder / "0_0.jpg");
    PictureCache cache(pictures, {3, 32768, 32768}, folder / "cache");  // 97 TB
    CHECK(contains(cache.take_fault(), "cannot be written: No space left on device"));
    CHECK_FALSE(path_exists(folder / "cache"));
  }

  TEST_CASE("a damaged picture is an error in each epoch") {
    const ScratchFolder folder;
    const ImageFolder pictures = make_folder(folder / "data", 1);
    put_file(pictures.paths[2], "");
    const ImageFolder listed = list_folder(folder / "data");
    for (int run = 0; run < 2; ++run) {
      Loader loader(listed, dims, 13, 2, folder / "cache");
      for (int epoch = 0; epoch < 2; ++epoch) {
        loader.begin_epoch(sequential(count));
        Minibatch batch;
        CHECK(error_of([&] { loader.next(batch); }) == "cannot decode '" + pictures.paths[2] + "': the file is empty");
        CHECK_FALSE(loader.next(batch));
      }
    }
    CHECK(known(listed, folder / "cache") == "1101111111111");
  }
}
