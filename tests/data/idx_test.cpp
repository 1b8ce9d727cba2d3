// IDX files and sets in memory: values, orders, and what is refused.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tinycnn/data/idx.hpp>

#include "../support/scratch_folder.hpp"

namespace {

using namespace tinycnn;

std::string idx(const std::vector<int>& sizes, const std::string& values, int type = 8) {
  std::string bytes = {0, 0, char(type), char(sizes.size())};
  for (const int size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += char(size >> shift & 255);
  return bytes + values;
}

/// The indices of the samples of an epoch, and whether all images and labels belong to them.
std::vector<int> order_of(ArraySet<>& set, int epoch, std::int64_t skip) {
  std::vector<int> order;
  set.begin_epoch(epoch, skip);
  std::int64_t batches = set.batches();
  for (Minibatch batch; set.next(batch); --batches)
    for (int n = 0; n < batch.n; ++n) {
      order.push_back(batch.index[n]);
      CHECK(batch.labels[n] == 10 * batch.index[n]);
      CHECK(batch.images[2 * n + 1] == float(2 * batch.index[n] + 1));
    }
  CHECK(batches == 0);
  return order;
}

}  // namespace

TEST_SUITE("bad data of IDX files") {
  TEST_CASE("an IDX file is read with its sizes") {
    const ScratchFolder folder;
    put_file(folder / "images", idx({2, 2, 3}, std::string("\x00\x01\x02\x03\x04\x05\xfa\xfb\xfc\xfd\xfe\xff", 12)));
    put_file(folder / "labels", idx({2}, {3, 1}));
    const IdxArray array = read_idx(folder / "images");
    CHECK(array.sizes == std::vector<std::int64_t>{2, 2, 3});
    CHECK(array.values[6] == 0xfa);
    ArraySet<std::uint8_t> set = read_idx_set(folder / "images", folder / "labels", 4, 5);
    set.begin_epoch(1);
    Minibatch batch;
    REQUIRE(set.next(batch));
    CHECK(batch.n == 2);
    CHECK(batch.images[11] == 1.0f);
    CHECK(batch.images[1] == 1.0f / 255);
    CHECK(batch.labels[0] == 3);
    CHECK(!set.next(batch));
  }

  TEST_CASE("an IDX file that is no array of bytes is refused by name") {
    const ScratchFolder folder;
    const std::string path = folder / "wrong";
    const auto told = [&](const std::string& bytes) {
      put_file(path, bytes);
      const std::string error = error_of([&] { read_idx(path); });
      CHECK(contains(error, "cannot read '" + path + "' as an IDX file: "));
      return error;
    };
    CHECK(contains(told(""), "shorter than 4 bytes"));
    CHECK(contains(told("\x1f\x8b\x08\x08"), "compressed; unpack it with gunzip"));
    CHECK(contains(told("IDX3...."), "does not begin with two zeros"));
    CHECK(contains(told(idx({1}, "abcd", 13)), "its values are not bytes"));
    CHECK(contains(told(idx({}, "a")), "it has not 1 to 4 sizes"));
    CHECK(contains(told(idx({1, 1, 1, 1, 1}, "a")), "it has not 1 to 4 sizes"));
    CHECK(contains(told(idx({1, 2}, "").substr(0, 11)), "it ends within its sizes"));
    for (const std::string& bytes : {idx({3}, "ab"), idx({3}, "abcd"), idx({0, 5}, ""), idx({2, 0}, "a"),
                                     idx({-1, -1, -1, -1}, "abc"), idx({1 << 30, 1 << 30, 16}, "")})
      CHECK(contains(told(bytes), "its sizes do not agree with its length"));
    CHECK(contains(error_of([&] { read_idx(folder / "none"); }), "No such file"));
  }

  TEST_CASE("pictures and labels of IDX files must fit") {
    const ScratchFolder folder;
    put_file(folder / "images", idx({2, 1, 1}, "ab"));
    put_file(folder / "two", idx({2}, {0, 1}));
    put_file(folder / "three", idx({3}, {0, 1, 0}));
    const auto told = [&](const char* images, const char* labels, int classes) {
      return error_of([&] { read_idx_set(folder / images, folder / labels, classes, 2); });
    };
    CHECK(told("images", "two", 2) == "");
    CHECK(contains(told("images", "three", 2), "images' has 2 pictures, but '"));
    CHECK(contains(told("images", "two", 1), "two' has the label 1 at index 1; labels are 0 to 0"));
    CHECK(contains(told("two", "two", 2), "two' does not hold pictures: it has 1 sizes, not 3"));
    CHECK(contains(told("images", "images", 2), "images' does not hold labels: it has 3 sizes, not 1"));
  }

  TEST_CASE("a set in memory yields each sample once an epoch, in an order of its own, from any position") {
    std::vector<float> images;  // (N,1,1,2)
    std::vector<int> labels;    // (N)
    for (int i = 0; i < 11; ++i) {
      images.insert(images.end(), {float(2 * i), float(2 * i + 1)});
      labels.push_back(10 * i);
    }
    ArraySet<> set(images, labels, {1, 1, 2}, 4);
    CHECK(order_of(set, 1, 0) == sequential(11));
    CHECK(order_of(set, 1, 9) == std::vector<int>{9, 10});
    CHECK(order_of(set, 1, 99).empty());
    set.shuffle(3);
    CHECK(order_of(set, 2, 0) == shuffled(11, 3, 2));
    const std::vector<int> first = order_of(set, 1, 0), rest = order_of(set, 1, 5);
    CHECK(rest == std::vector<int>(first.begin() + 5, first.end()));

    const std::string whole = set.identity();
    ArraySet<> last = set.take_last(3);
    CHECK(set.size() == 8);
    CHECK(last.labels() == std::vector<int>{80, 90, 100});
    CHECK(contains(whole, "11 samples "));
    CHECK(set.identity() != whole);
    labels[3] = 0;
    CHECK(ArraySet<>(images, labels, {1, 1, 2}, 4).identity() != whole);
    CHECK(contains(error_of([&] { set.take_last(9); }), "a set of 8 samples cannot give 9"));
    CHECK(contains(error_of([&] { ArraySet<>({1, 2, 3}, {0}, {1, 1, 2}, 4); }), "3 elements for 1 labels"));
  }
}
