// Files, CSV, .npy and safetensors: what is written can be read back, and invalid files are rejected.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "../support/scratch_folder.hpp"
#include "tinycnn/io/csv.hpp"
#include "tinycnn/io/file.hpp"
#include "tinycnn/io/npy.hpp"
#include "tinycnn/io/safetensors.hpp"
#include "tinycnn/io/safetensors_file.hpp"

using namespace tinycnn;

TEST_SUITE("io") {
  TEST_CASE("a file appears only when it is committed") {
    const ScratchFolder folder;
    const std::string path = folder / "file";
    write_file(path, "old");
    {
      FileWriter writer(path);
      writer.write("half of the new");
      CHECK(read_file(path) == "old");
    }
    CHECK(read_file(path) == "old");
    CHECK_FALSE(path_exists(path + ".partial"));
    write_file(path, std::string_view("n\0w", 3));
    CHECK(read_file(path) == std::string("n\0w", 3));
    CHECK_FALSE(path_exists(path + ".partial"));
  }

  TEST_CASE("errors name the path and the reason") {
    const ScratchFolder folder;
    CHECK(error_of([&] { read_file(folder / "none"); }) ==
          std::string("cannot open '") + (folder / "none") + "': No such file or directory");
    CHECK(contains(error_of([&] { read_file(folder.path); }), "it is not a regular file"));
    CHECK(contains(error_of([&] { write_file(folder / "none/file", "x"); }), "No such file or directory"));
    write_file(folder / "file", "x");
    CHECK(contains(error_of([&] { make_directories(folder / "file/deeper"); }), "cannot create the folder"));
  }

  TEST_CASE("folders are created with their parents, and may exist already") {
    const ScratchFolder folder;
    make_directories(folder / "a/b//c/");
    make_directories(folder / "a/b/c");
    CHECK(is_directory(folder / "a/b/c"));
    CHECK(base_name("a/b/c.jpg") == "c.jpg");
    CHECK(base_name("c.jpg") == "c.jpg");
    remove_folder(folder / "a");
    CHECK_FALSE(path_exists(folder / "a"));
  }

  TEST_CASE("CSV rows have the shortest exact numbers and quoted text") {
    const ScratchFolder folder;
    CsvWriter csv(folder / "a.csv", "epoch,loss,rate,note");
    csv.line(1, 0.1f, 3e-4, "plain");
    CHECK(read_file(folder / "a.csv") == "epoch,loss,rate,note\n1,0.1,3e-04,plain\n");  // flushed, not closed
    csv.line(-2, 1.0f / 3, 0.1 + 0.2, "with, a \"quote\"");
    CHECK(read_file(folder / "a.csv") ==
          "epoch,loss,rate,note\n1,0.1,3e-04,plain\n-2,0.33333334,0.30000000000000004,\"with, a \"\"quote\"\"\"\n");
  }

  TEST_CASE("a CSV file is truncated to the rows of a checkpoint") {
    const ScratchFolder folder;
    const std::string path = folder / "steps.csv";
    write_file(path, "step,loss\n1,2\n2,1.5\n3,1.2");  // the last row is incomplete
    {
      CsvWriter::resume(path, "step,loss", 1).line(2, 1.5f);
    }
    CHECK(read_file(path) == "step,loss\n1,2\n2,1.5\n");
    CHECK(contains(error_of([&] { CsvWriter::resume(path, "step,loss", 3); }), "holds 2 rows of the 3"));
    CHECK(
        contains(error_of([&] { CsvWriter::resume(path, "step,accuracy", 1); }), "first line is not 'step,accuracy'"));
    CHECK(read_file(path) == "step,loss\n1,2\n2,1.5\n");
  }

  TEST_CASE("a CSV file is truncated between rows, not within a text of several lines") {
    const ScratchFolder folder;
    const std::string path = folder / "notes.csv";
    {
      CsvWriter csv(path, "step,note");
      csv.line(1, "two\nlines, \"quoted\"");
      csv.line(2, "one line");
      csv.line(3, "late");
    }
    const std::string whole = read_file(path);
    CsvWriter::resume(path, "step,note", 2);
    CHECK(read_file(path) == whole.substr(0, whole.find("3,late")));
    CHECK(contains(error_of([&] { CsvWriter::resume(path, "step,note", 3); }), "holds 2 rows of the 3"));
  }

  TEST_CASE("an .npy file has NumPy's bytes and reads back") {
    const ScratchFolder folder;
    const float values[] = {1, 2, 3, 4, 5, -0.5f};
    write_npy(folder / "a.npy", values, 3, 2);
    const std::string bytes = read_file(folder / "a.npy");
    // Expected: numpy.save of the same array, numpy 2.4.
    const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
    CHECK(bytes == std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + std::string(117 - header.size(), ' ') +
                       '\n' + std::string(reinterpret_cast<const char*>(values), sizeof values));
    const NpyMatrix matrix = read_npy(folder / "a.npy");
    CHECK(matrix.rows == 3);
    CHECK(matrix.columns == 2);
    CHECK(matrix.values == std::vector<float>(values, values + 6));
    write_npy(folder / "empty.npy", nullptr, 0, 11);
    CHECK(read_npy(folder / "empty.npy").columns == 11);
  }

  TEST_CASE("a damaged .npy file is rejected") {
    const ScratchFolder folder;
    const float values[] = {1, 2, 3, 4};
    write_npy(folder / "a.npy", values, 2, 2);
    const std::string good = read_file(folder / "a.npy");
    const auto refused = [&](const std::string& bytes) {
      put_file(folder / "bad.npy", bytes);
      const std::string error = error_of([&] { read_npy(folder / "bad.npy"); });
      return contains(error, folder / "bad.npy") && contains(error, "as an .npy file");
    };
    CHECK(refused(""));
    CHECK(refused("\x93NUMPY"));
    CHECK(refused(good.substr(0, 40)));
    CHECK(refused(good.substr(0, good.size() - 1)));
    CHECK(refused(good + "1234"));
    const auto with = [&](const std::string& from, const std::string& to) {
      std::string bytes = good;
      return bytes.replace(bytes.find(from), from.size(), to);
    };
    CHECK(refused(with("<f4", "<f8")));
    CHECK(refused(with("False", "True ")));
    CHECK(refused(with("(2, 2)", "(2,3) ")));
    CHECK(refused(with("(2, 2)", "(-2,-2)").erase(100, 1)));
    CHECK(refused(with("(2, 2), }       ", "(4611686018427387905, 4), }").substr(0, good.size())));
    CHECK(refused(with("\x01", "\x02")));
  }

  TEST_CASE("safetensors files can be read back, and their bytes are reproducible") {
    const ScratchFolder folder;
    const std::vector<float> weight = {1, 2, 3, 4, 5, -6};
    const std::vector<double> moment = {1e-300, std::numeric_limits<double>::quiet_NaN()};
    const std::int64_t tracked = 157;
    const auto write = [&](const std::string& path) {
      SafetensorsWriter writer;
      writer.add("conv.weight", "F32", {3, 2, 1}, weight.data());
      writer.add("a \"name\"\n\xc3\xa9", {2}, moment.data());
      writer.add("num_batches_tracked", {}, &tracked);
      writer.add<float>("nothing", {0, 5}, nullptr);
      writer.note("format", "pt");
      writer.write(path);
    };
    write(folder / "a.safetensors");
    write(folder / "b.safetensors");
    CHECK(read_file(folder / "a.safetensors") == read_file(folder / "b.safetensors"));

    const SafetensorsFile file(folder / "a.safetensors");
    CHECK(file.entries().size() == 4);
    CHECK(file.find("conv") == nullptr);
    REQUIRE(file.find("conv.weight") != nullptr);
    CHECK(file.find("conv.weight")->dtype == "F32");
    CHECK(file.find("conv.weight")->shape == std::vector<long>{3, 2, 1});
    CHECK(file.find("conv.weight")->bytes == 6 * sizeof(float));
    CHECK(file.find("num_batches_tracked")->bytes == 8);
    CHECK(reinterpret_cast<std::uintptr_t>(file.find("a \"name\"\n\xc3\xa9")->data) % 8 == 0);
    CHECK(*file.note("format") == "pt");
    CHECK(file.note("author") == nullptr);

    std::vector<float> weight_back(6);
    file.read("conv.weight", {3, 2, 1}, weight_back.data());
    CHECK(weight_back == weight);
    double moment_back[2];
    file.read("a \"name\"\n\xc3\xa9", {2}, moment_back);
    CHECK(std::memcmp(moment_back, moment.data(), sizeof moment_back) == 0);
    std::int64_t tracked_back = 0;
    file.read("num_batches_tracked", {}, &tracked_back);
    CHECK(tracked_back == 157);

    CHECK(error_of([&] { file.read("conv.weight", {2, 3, 1}, weight_back.data()); }) ==
          "tensor 'conv.weight' of '" + file.path() + "' is F32 (3, 2, 1), F32 (2, 3, 1) is wanted");
    CHECK(contains(error_of([&] { file.read("conv.weight", {3, 2, 1}, moment_back); }), "F64 (3, 2, 1) is wanted"));
    CHECK(contains(error_of([&] { file.read("bias", {2}, moment_back); }), "has no tensor 'bias'"));
  }

  TEST_CASE("safetensors of Hugging Face's own writer are read") {  // golden/make_resize.py wrote it
    const SafetensorsFile file(TINYCNN_GOLDEN_DIR "/resize.safetensors");
    CHECK(file.entries().size() % 2 == 0);
    CHECK(file.find("0.x")->dtype == "U8");
    CHECK(file.find("0.y")->shape == std::vector<long>{16, 16, 3});
    CHECK(file.note("pillow") != nullptr);
  }

  TEST_CASE("a safetensors writer rejects what a reader could not read") {
    const float value = 1;
    SafetensorsWriter writer;
    writer.add("a", {1}, &value);
    CHECK(error_of([&] { writer.add("a", {1}, &value); }) == "tensor 'a' is added twice");
    CHECK(contains(error_of([&] { writer.add("b", "F31", {1}, &value); }), "unknown type 'F31'"));
    CHECK(contains(error_of([&] { writer.add("b", {-1}, &value); }), "impossible shape (-1)"));
    CHECK(contains(error_of([&] { writer.add("b", {1L << 62, 2}, &value); }), "impossible shape"));
    CHECK(contains(error_of([&] { writer.add("__metadata__", {1}, &value); }), "keeps that name"));
  }

  // A file of this header and data; `claimed` replaces the header's true length.
  std::string lie(const std::string& header, const std::string& data = "", std::uint64_t claimed = ~0ull) {
    const ScratchFolder folder;
    std::uint64_t length = claimed == ~0ull ? header.size() : claimed;
    std::string bytes(reinterpret_cast<const char*>(&length), 8);
    put_file(folder / "lie", bytes + header + data);
    const std::string error = error_of([&] { SafetensorsFile file(folder / "lie"); });
    if (error.empty()) return "";
    CHECK(contains(error, (folder / "lie") + "' is not a sound safetensors file: "));
    return error.substr(error.find("file: ") + 6);
  }

  TEST_CASE("an inconsistent safetensors header is rejected") {
    CHECK(lie("{}") == "");
    CHECK(lie("{}      ") == "");
    CHECK(lie(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678") == "");

    CHECK(lie("{}", "", 3) == "its header claims 3 bytes, more than the file has");
    CHECK(lie("{}", "", ~0ull - 7) == "its header claims 18446744073709551608 bytes, more than 100 MB");
    CHECK(lie("") == "its header does not begin with '{'");
    CHECK(lie(" {}") == "its header does not begin with '{'");
    CHECK(lie("{") == "'\"' is expected at byte 1 of the header");
    CHECK(lie("{}", "x") == "bytes that belong to no tensor stand at its end");
    CHECK(contains(lie("{}x"), "nothing more is expected"));
    CHECK(contains(lie(R"({"a":1})"), "'{' is expected"));
    CHECK(contains(lie(R"({"__metadata__":{"a":1}})"), "'\"' is expected"));
    CHECK(lie(R"({"__metadata__":{},"__metadata__":{}})") == "'__metadata__' occurs twice");

    const auto one = [](const std::string& fields, const std::string& data = "12345678") {
      return lie("{\"w\":{" + fields + "}}", data);
    };
    CHECK(contains(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,9])"),
                   "tensor 'w' has data_offsets [0, 9], but F32 (2) takes 8"));
    CHECK(contains(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "F32 (3) takes 12 bytes"));
    CHECK(contains(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "has data_offsets [8, 0]"));
    CHECK(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])") ==
          "tensor 'w' ends at byte 16 of the data, but the file has only 8");
    CHECK(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])") == "tensor 'w' leaves a hole before it");
    CHECK(one(R"("dtype":"F99","shape":[2],"data_offsets":[0,8])") == "tensor 'w' has an unknown type 'F99'");
    CHECK(contains(one(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8])"), "impossible shape"));
    CHECK(contains(one(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8])"),
                   "the number is too large"));
    CHECK(contains(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "a whole number is expected"));
    CHECK(contains(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "',' or ']' is expected"));
    CHECK(contains(one(R"("dtype":"F32","shape":[02],"data_offsets":[0,8])"), "a whole number is expected"));
    CHECK(contains(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), "']' is expected"));
    CHECK(contains(one(R"("dtype":"F32","shape":[2])"), "lacks one of dtype, shape and data_offsets"));
    CHECK(contains(one(R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])"), "has two fields 'dtype'"));
    CHECK(contains(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1)"), "has an unknown field 'x'"));
  }

  TEST_CASE("tensors may neither overlap nor share a name") {
    CHECK(
        lie(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            "123456") == "tensor 'b' overlaps the tensor before it");
    CHECK(
        lie(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
            "12345678") == "tensor 'a' occurs twice");
    CHECK(
        lie(R"({"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
            "12345678") == "");
  }

  TEST_CASE("names must be UTF-8 with JSON's escapes") {
    const auto name = [](const std::string& text) {
      return lie("{\"" + text + "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "1");
    };
    CHECK(name(R"(a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00)") == "");
    CHECK(name("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") == "");
    CHECK(contains(name("\xc3"), "a string is not UTF-8"));
    CHECK(contains(name("\xff"), "a string is not UTF-8"));
    CHECK(contains(name("\xc0\x80"), "a string is not UTF-8"));          // overlong
    CHECK(contains(name("\xed\xa0\x80"), "a string is not UTF-8"));      // a surrogate
    CHECK(contains(name("\xf4\x90\x80\x80"), "a string is not UTF-8"));  // beyond U+10FFFF
    CHECK(contains(name(R"(\ud800)"), "half a surrogate pair"));
    CHECK(contains(name(R"(\udc00)"), "half a surrogate pair"));
    CHECK(contains(name(R"(\x41)"), "an unknown escape"));
    CHECK(contains(name(R"(\u12g4)"), "four hexadecimal digits"));
    CHECK(contains(name("a\nb"), "a raw control character"));
  }

  TEST_CASE("a safetensors file that is truncated or changed anywhere never causes a crash") {
    const ScratchFolder folder;
    const float values[] = {1, 2, 3};
    SafetensorsWriter writer;
    writer.add("first", {2}, values);
    writer.add("second", {1}, values);
    writer.write(folder / "good");
    const std::string good = read_file(folder / "good");
    for (std::size_t length = 0; length < good.size(); ++length) {
      put_file(folder / "bad", std::string_view(good).substr(0, length));
      CHECK_THROWS_AS(SafetensorsFile(folder / "bad"), Error);
    }
    for (std::size_t i = 0; i < good.size(); i += 3) {
      for (const char c : {'\0', '"', '9', '\x7f', '\xff'}) {
        std::string bytes = good;
        bytes[i] = c;
        put_file(folder / "bad", bytes);
        try {
          const SafetensorsFile file(folder / "bad");
          CHECK(file.entries().size() == 2);
        } catch (const Error&) {
        }
      }
    }
  }
}
