// Folders of pictures, the loader and the synthetic data set.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "../support/scratch_folder.hpp"
#include "tinycnn/data/folder.hpp"
#include "tinycnn/data/loader.hpp"
#include "tinycnn/data/shuffle.hpp"
#include "tinycnn/data/synthetic.hpp"

using namespace tinycnn;

namespace {

void write_pictures(const std::string& folder, int count) {
  make_directories(folder);
  for (int i = 0; i < count; ++i) {
    Picture picture{20 + i, 30, {}};
    for (int k = 0; k < picture.w * picture.h * 3; ++k)
      picture.rgb.push_back(std::uint8_t(below(1, std::uint64_t(i), std::uint64_t(k), 256)));
    put_file(folder + '/' + std::to_string(i % 3) + '_' + std::to_string(i) + ".jpg", encode_jpeg(picture, 90));
  }
}

/// All minibatches of an epoch, concatenated.
struct Epoch {
  std::vector<float> images;
  std::vector<int> labels, index, sizes;
  bool operator==(const Epoch&) const = default;
};

Epoch epoch_of(Loader& loader, const std::vector<int>& order, long image_size) {
  Epoch epoch;
  loader.begin_epoch(order);
  Minibatch batch;
  while (loader.next(batch)) {
    epoch.images.insert(epoch.images.end(), batch.images, batch.images + batch.n * image_size);
    epoch.labels.insert(epoch.labels.end(), batch.labels, batch.labels + batch.n);
    epoch.index.insert(epoch.index.end(), batch.index, batch.index + batch.n);
    epoch.sizes.push_back(batch.n);
  }
  CHECK_FALSE(loader.next(batch));
  return epoch;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("the label is the number before the first underscore") {
    CHECK(label_of("3_17.jpg") == 3);
    CHECK(label_of("10_0_1.jpg") == 10);
    CHECK(label_of("0003.jpg") == -1);
    CHECK(label_of("_3.jpg") == -1);
    CHECK(label_of("a_3.jpg") == -1);
    CHECK(label_of("-3_3.jpg") == -1);
    CHECK(label_of("99999999999999999999_3.jpg") == 0x7fffffff);
  }

  TEST_CASE("a folder lists its pictures in the order of Python's sorted(), and nothing else") {
    const ScratchFolder folder;
    make_directories(folder / "train/3_dir.jpg");
    for (const char* name : {"2_1.jpg", "10_1.JPG", "1_2.jpeg", "1_10.png", "1_1.bmp", "B_1.jpg", "a.jpg",
                             "\xc3\xa9.jpg", ".hidden_1.jpg", "notes.txt", "jpg", "1_1.jpg.partial"})
      put_file(folder / "train/" + name, "x");
    const ImageFolder images = list_split(folder.path, Split::train);
    std::vector<std::string> names;
    for (const std::string& path : images.paths) {
      CHECK(path.substr(0, folder.path.size() + 7) == folder / "train/");
      names.push_back(base_name(path));
    }
    // Expected: Python's sorted() of these names.
    CHECK(names == std::vector<std::string>{"10_1.JPG", "1_1.bmp", "1_10.png", "1_2.jpeg", "2_1.jpg", "B_1.jpg",
                                            "a.jpg", "\xc3\xa9.jpg"});
    CHECK(images.labels == std::vector<int>{10, 1, 1, 1, 2, -1, -1, -1});
    CHECK(images.size() == 8);
  }

  TEST_CASE("the course's folder names work, and errors name missing or empty folders") {
    const ScratchFolder folder;
    for (const char* name : {"training", "validation", "evaluation"}) {
      make_directories(folder / name);
      put_file(folder / name + "/0_0.jpg", "x");
    }
    CHECK(list_split(folder.path, Split::train).paths[0] == folder / "training/0_0.jpg");
    CHECK(list_split(folder.path, Split::valid).paths[0] == folder / "validation/0_0.jpg");
    CHECK(list_split(folder.path, Split::test).paths[0] == folder / "evaluation/0_0.jpg");
    make_directories(folder / "test");
    CHECK(error_of([&] { list_split(folder.path, Split::test); }) ==
          std::string("the folder '") + (folder / "test") + "' holds no .jpg, .jpeg, .png or .bmp file");
    CHECK(error_of([&] { list_split(folder / "none", Split::valid); }) ==
          std::string("there is no folder '") + (folder / "none") + "'");
    CHECK(error_of([&] { list_split(folder / "test", Split::valid); }) ==
          std::string("'") + (folder / "test") + "' has neither a folder 'valid' nor 'validation'");
    CHECK(contains(error_of([&] { list_folder(folder / "none"); }),
                   std::string("cannot read the folder '") + (folder / "none")));
  }

  TEST_CASE("a label that is not a class is an error that names the file") {
    ImageFolder images{{"a/0_1.jpg", "a/10_1.jpg"}, {0, 10}};
    CHECK(error_of([&] { check_labels(images, 11); }).empty());
    CHECK(error_of([&] { check_labels(images, 10); }) ==
          "'a/10_1.jpg' has the label 10; a name must begin with 0_ to 9_");
    images = {{"a/1.jpg"}, {-1}};
    CHECK(error_of([&] { check_labels(images, 10); }) == "'a/1.jpg' has no label; a name must begin with 0_ to 9_");
  }

  TEST_CASE("an order file selects and orders") {
    const ScratchFolder folder;
    const ImageFolder images{{"d/0_1.jpg", "d/1_1.jpg", "d/2_1.jpg"}, {0, 1, 2}};
    const auto reordered = [&](const std::string& text) {
      put_file(folder / "order.txt", text);
      return reorder(images, folder / "order.txt");
    };
    CHECK(reordered("2_1.jpg\r\n\r\nelsewhere/0_1.jpg\r\n").paths ==
          std::vector<std::string>{"d/2_1.jpg", "d/0_1.jpg"});
    CHECK(reordered("1_1.jpg\n2_1.jpg\n0_1.jpg").labels == std::vector<int>{1, 2, 0});
    CHECK(error_of([&] { reordered("1_1.jpg\n\n7_1.jpg\n"); }) ==
          std::string("'") + (folder / "order.txt") + "', line 3: the folder has no picture '7_1.jpg'");
    CHECK(contains(error_of([&] { reordered("1_1.jpg\n0_1.jpg\n1_1.jpg"); }),
                   "line 3: '1_1.jpg' stands in line 1 already"));
    CHECK(contains(error_of([&] { reordered("\n"); }), "names no picture"));
  }

  TEST_CASE("a loader returns the pictures in order with any number of threads") {
    const ScratchFolder folder;
    write_pictures(folder / "train", 23);
    const ImageFolder images = list_split(folder.path, Split::train);
    constexpr Dims dims = Image<3, 16, 24>::dims;
    const std::vector<int> order = shuffled(23, 6666, 1);

    // Expected: each picture decoded, resized and divided by 255.
    Epoch expected{{}, {}, order, {4, 4, 4, 4, 4, 3}};
    for (const int i : order) {
      const Picture picture = resize_bilinear(decode_image(images.paths[std::size_t(i)]), dims.w, dims.h);
      for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t p = 0; p < std::size_t(dims.pixels()); ++p)
          expected.images.push_back(float(picture.rgb[3 * p + c]) / 255.0f);
      expected.labels.push_back(images.labels[std::size_t(i)]);
    }
    for (const int threads : {1, 2, 5}) {
      Loader loader(images, dims, 4, threads);
      CHECK(loader.batches() == 6);
      CHECK(epoch_of(loader, order, dims.size()) == expected);
      CHECK(epoch_of(loader, order, dims.size()) == expected);
      CHECK(epoch_of(loader, sequential(23), dims.size()).index == sequential(23));
      CHECK(epoch_of(loader, {7}, dims.size()).sizes == std::vector<int>{1});
      CHECK(loader.batches() == 1);
      CHECK(epoch_of(loader, {}, dims.size()).sizes.empty());
    }
  }

  TEST_CASE("a loader can be destroyed or begin another epoch at any time") {
    const ScratchFolder folder;
    write_pictures(folder / "train", 20);
    const ImageFolder images = list_split(folder.path, Split::train);
    constexpr Dims dims = Image<3, 32, 32>::dims;
    for (int taken = 0; taken <= 7; ++taken) {
      Loader loader(images, dims, 3, 3);
      Minibatch batch;
      CHECK_FALSE(loader.next(batch));
      for (int epoch = 0; epoch < 2; ++epoch) {
        loader.begin_epoch(shuffled(20, 1, std::uint64_t(epoch)));
        for (int b = 0; b < taken; ++b) {
          REQUIRE(loader.next(batch));
          CHECK(batch.index[0] == shuffled(20, 1, std::uint64_t(epoch))[std::size_t(3 * b)]);
        }
      }
    }
  }

  TEST_CASE("a damaged picture is an error when its minibatch is due, and the epoch can go on") {
    const ScratchFolder folder;
    write_pictures(folder / "train", 12);
    const ImageFolder images = list_split(folder.path, Split::train);
    const std::string jpeg = read_file(images.paths[5]);
    put_file(images.paths[5], jpeg.substr(0, jpeg.size() / 2));
    put_file(images.paths[4], "");
    for (const int threads : {1, 4}) {
      Loader loader(images, Image<3, 8, 8>::dims, 3, threads);
      loader.begin_epoch(sequential(12));
      Minibatch batch;
      CHECK(loader.next(batch));
      CHECK(error_of([&] { loader.next(batch); }) == "cannot decode '" + images.paths[4] + "': the file is empty");
      CHECK(loader.next(batch));
      CHECK(batch.index[0] == 6);
      CHECK(loader.next(batch));
      CHECK_FALSE(loader.next(batch));
    }
  }

  TEST_CASE("a loader rejects invalid arguments") {
    const ImageFolder images{{"a"}, {0}};
    CHECK(contains(error_of([&] { Loader(images, Image<1, 8, 8>::dims, 3, 1); }), "3 channels"));
    CHECK(contains(error_of([&] { Loader(images, Image<3, 8, 8>::dims, 0, 1); }), "batch"));
    CHECK(contains(error_of([&] { Loader(images, Image<3, 8, 8>::dims, 1, 0); }), "thread"));
    Loader loader(images, Image<3, 8, 8>::dims, 1, 1);
    CHECK(contains(error_of([&] { loader.begin_epoch({0, 1}); }), "order holds 1, but the folder has 1 pictures"));
  }

  TEST_CASE("the synthetic data set has the homework's layout and is the same from the same seed") {
    const ScratchFolder folder;
    const Synthetic set{.train = 2, .valid = 1, .test = 1, .seed = 5};
    make_directories(folder / "a.partial/train");  // left over from a run that was killed
    put_file(folder / "a.partial/train/left.jpg", "x");
    CHECK(make_synthetic(folder / "a", set));
    CHECK_FALSE(make_synthetic(folder / "a", set));
    CHECK_FALSE(path_exists(folder / "a.partial"));
    CHECK(make_synthetic(folder / "b", set));

    const ImageFolder train = list_split(folder / "a", Split::train), test = list_split(folder / "a", Split::test);
    CHECK(train.size() == 22);
    CHECK(list_split(folder / "a", Split::valid).size() == 11);
    CHECK(test.size() == 11);
    CHECK(base_name(test.paths[10]) == "0010.jpg");
    CHECK(test.labels[10] == -1);
    check_labels(train, synthetic_textures);
    for (const std::string& path : train.paths) {
      CHECK(read_file(path) == read_file(folder / "b/train/" + base_name(path)));
      const Picture picture = decode_image(path);
      CHECK((picture.w >= 96 && picture.w <= 256 && picture.h >= 96 && picture.h <= 256));
    }
    CHECK(read_file(folder / "a/test.csv").substr(0, 14) == "id,class\n0000,");
    CHECK(synthetic_picture(3, 5, 1).rgb != synthetic_picture(3, 6, 1).rgb);
  }
}
