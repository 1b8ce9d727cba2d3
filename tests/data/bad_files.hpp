// Bad weights, checkpoints, matrices, tables and batches for the page docs/bad_data.md.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "../fuzz/small_net.hpp"
#include "../support/picture_bytes.hpp"
#include "bad_data.hpp"
#include "tinycnn/io/csv.hpp"
#include "tinycnn/io/npy.hpp"

namespace bad_files {

using namespace tinycnn;

/// The tensors of a weights file of the small network, which a case changes before it writes them.
struct Weights {
  struct Tensor {
    std::string name, dtype;
    std::vector<long> shape;
    std::string bytes;
  };
  std::vector<Tensor> tensors;

  Weights() {
    const Graph& g = small_net::graph;
    for (int k = 0; k < g.parameter_count; ++k) {
      const Parameter& p = g.parameters[k];
      tensors.push_back({parameter_name(g, p),
                         p.integer ? "I64" : "F32",
                         {p.extents, p.extents + p.rank},
                         std::string(std::size_t(p.size()) * (p.integer ? 8 : 4), '\0')});
    }
  }
  Tensor& operator[](const std::string& name) {
    for (Tensor& tensor : tensors)
      if (tensor.name == name) return tensor;
    throw Error("no tensor " + name);
  }
  void write(const std::string& path) const {
    SafetensorsWriter writer;
    for (const Tensor& tensor : tensors) writer.add(tensor.name, tensor.dtype, tensor.shape, tensor.bytes.data());
    writer.write(path);
  }
};

inline std::string load(const std::string& path) {
  const small_net::StateMemory network(1);
  load_state(path, network.state());
  return "loaded";
}

inline void networks(BadData& data) {
  const std::string path = data.folder / "weights.safetensors";
  const auto row = [&](const std::string& input, auto spoil) {
    Weights weights;
    spoil(weights);
    weights.write(path);
    data.row(input, [&] { return load(path); });
  };
  data.section("Weights that do not fit", "Nothing of a network is changed by a file that is refused.");
  row("the network's own", [](Weights&) {});
  row("without a tensor", [](Weights& w) { w.tensors.pop_back(); });
  row("with a tensor too many", [](Weights& w) { w.tensors.push_back({"4.weight", "F32", {1}, "1234"}); });
  row("another network's", [](Weights& w) {
    for (Weights::Tensor& tensor : w.tensors) tensor.name = "layer" + tensor.name;
  });
  row("a tensor of another shape", [](Weights& w) { w["3.weight"].shape = {4, 1}; });
  row("a tensor of 8-bit floats", [](Weights& w) { w["3.bias"] = {"3.bias", "F8_E4M3", {2}, "12"}; });
  row("infinity in a tensor of float16",
      [](Weights& w) { w["3.bias"] = {"3.bias", "F16", {2}, std::string("12\0|", 4)}; });
  row("whole numbers for weights", [](Weights& w) { w["3.bias"].dtype = "I32"; });
  row("a counter in float32",
      [](Weights& w) { w["1.num_batches_tracked"] = {"1.num_batches_tracked", "F32", {}, "1234"}; });
  const auto with_number = [&](const std::string& input, float number) {
    row(input, [&](Weights& w) { w["0.weight"].bytes.replace(4, 4, reinterpret_cast<const char*>(&number), 4); });
  };
  with_number("NaN", std::numeric_limits<float>::quiet_NaN());
  with_number("infinity", std::numeric_limits<float>::infinity());
  row("a number of float64 that float32 lacks", [](Weights& w) {
    const double network[] = {0, 1e300};
    w["3.bias"] = {"3.bias", "F64", {2}, {reinterpret_cast<const char*>(network), sizeof network}};
  });
}

inline void tensors(BadData& data) {
  const std::string path = data.folder / "weights.safetensors";
  const auto file = [&](const std::string& input, const std::string& bytes) {
    put_file(path, bytes);
    data.row(input, [&] { return load(path); });
  };
  const auto row = [&](const std::string& input, const std::string& header, const std::string& tensor_bytes = "") {
    file(input, picture_bytes::little_endian(header.size(), 8) + header + tensor_bytes);
  };
  const auto one = [&](const std::string& input, const std::string& fields) {
    row(input, R"({"a":{)" + fields + "}}", "12345678");
  };
  data.section("Weights that are no safetensors file", "Nothing in a header is believed.");
  data.row("no file", [&] { return load(data.folder / "none.safetensors"); });
  make_directories(data.folder / "folder");
  data.row("a folder", [&] { return load(data.folder / "folder"); });
  file("an empty file", "");
  file("a file of torch.save", std::string("PK\3\4\0\0\10\10\0\0", 10));
  file("a header longer than the file", picture_bytes::little_endian(9999, 8) + "{}");
  file("a header of 4 GB", picture_bytes::little_endian(0xffffffff, 8) + "{}");
  row("a header that is no JSON", "tensors: none");
  row("a header that ends early", R"({"a":)");
  row("a header in Latin-1", "{\"a\xe9\":{}}");
  Weights().write(path);
  const std::string good = read_file(path);
  file("a truncated file", good.substr(0, good.size() - 5));
  file("bytes after the end", good + "12345");
  one("an unknown type", R"("dtype":"F99","shape":[2],"data_offsets":[0,8])");
  one("no offsets", R"("dtype":"F32","shape":[2])");
  one("offsets beyond the end", R"("dtype":"F32","shape":[2],"data_offsets":[8,16])");
  one("offsets that are not the shape's", R"("dtype":"F32","shape":[3],"data_offsets":[0,8])");
  one("a hole before a tensor", R"("dtype":"F32","shape":[1],"data_offsets":[4,8])");
  one("a shape beyond every number", R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8])");
  one("a negative extent", R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])");
  const std::string a = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)";
  row("tensors that overlap", a + R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})", "123456");
  row("a name that comes twice", a + R"("a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", "12345678");
}

inline void checkpoints(BadData& data) {
  const std::string path = data.folder / "last.ckpt";
  small_net::Model trainer({.schedule = {1e-3}});
  Notes epoch;
  epoch.add("epoch", 3);
  trainer.save_checkpoint(path, epoch);
  const std::string good = read_file(path);
  const auto row = [&](const std::string& input, const std::string& bytes) {
    put_file(path, bytes);
    data.row(input, [&] {
      trainer.load_checkpoint(path);
      return "goes on in epoch " + std::to_string(read_notes(path).number<int>("epoch", path, 1, 1000));
    });
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    return bytes.replace(bytes.find(from), from.size(), to);
  };
  data.section("Checkpoints", "Nothing of a Trainer is changed by a file that is refused.");
  row("the Trainer's own", good);
  row("a truncated checkpoint", good.substr(0, good.size() / 2));
  row("a checkpoint of another version", changed(R"(checkpoint":"1")", R"(checkpoint":"2")"));
  row("steps that are no number", changed(R"("steps":"0")", R"("steps":"?")"));
  row("no count of steps", changed(R"("steps":"0")", R"("stops":"0")"));
  row("an epoch that cannot be", changed(R"("epoch":"3")", R"("epoch":"0")"));
  row("another network's optimizer", changed("optimizer.0.3.bias", "optimizer.0.4.bias"));
  Weights().write(path);
  row("weights alone", read_file(path));
  row("a moment that is infinite", good.substr(0, good.size() - 4) + std::string("\x00\x00\x80\x7f", 4));
}

inline void tables(BadData& data) {
  const std::string path = data.folder / "logits.npy";
  const float values[] = {1, 2, 3, 4};
  write_npy(path, values, 2, 2);
  const std::string good = read_file(path);
  const auto npy = [&](const std::string& input, const std::string& bytes) {
    put_file(path, bytes);
    data.row(input, [&] {
      const NpyMatrix matrix = read_npy(path);
      return "read, " + std::to_string(matrix.rows) + " x " + std::to_string(matrix.columns);
    });
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    return bytes.replace(bytes.find(from), from.size(), to);
  };
  data.section("Matrices of NumPy", "Two axes, float32, C order, version 1.0: what `write_npy` writes.");
  npy("such a file", good);
  npy("another magic", changed("NUMPY", "numpy"));
  npy("version 2.0", changed(std::string("\1\0", 2), std::string("\2\0", 2)));
  npy("float64", changed("<f4", "<f8"));
  npy("Fortran order", changed("False", "True "));
  npy("one axis", changed("(2, 2)", "(4,)  "));
  npy("a shape of another size", changed("(2, 2)", "(2, 3)"));
  npy("a truncated header", good.substr(0, 40));
  npy("truncated numbers", good.substr(0, good.size() - 4));

  const std::string csv = data.folder / "steps.csv";
  const auto resume = [&](const std::string& input, const std::string& bytes, long rows) {
    if (!bytes.empty()) put_file(csv, bytes);
    data.row(input, [&] {
      CsvWriter::resume(csv, "step,loss", rows);
      return "goes on after row " + std::to_string(rows);
    });
  };
  data.section("Tables that a run goes on with", "The rows that a checkpoint has seen are kept, later ones dropped.");
  resume("no file", "", 2);
  resume("a last row that was being written", "step,loss\n1,2\n2,1.5\n3,1.", 2);
  resume("fewer rows than the checkpoint has seen", "step,loss\n1,2\n2,1.", 2);
  resume("other columns", "epoch,loss\n1,2\n", 1);
  resume("another file in its place", "\x89PNG\r\n", 1);
}

inline void targets(BadData& data) {
  const auto row = [&](const std::string& input, const std::string& name) {
    data.row(input, [&] {
      write_file(data.folder / name, "x");
      return "written: " + name;
    });
  };
  const auto link = [&](const std::string& target, const std::string& name) {
    REQUIRE(::symlink(target.c_str(), (data.folder / name).c_str()) == 0);
  };
  make_directories(data.folder / "targets/folder");
  put_file(data.folder / "targets/file", "old");
  REQUIRE(::mkfifo((data.folder / "targets/fifo").c_str(), 0666) == 0);
  link("file", "targets/link");
  link("new", "targets/link to nowhere");
  link("fifo", "targets/link to a FIFO");
  link("loop", "targets/loop");
  data.section(
      "What stands where a file is to be written",
      "Only a regular file is replaced; it keeps its mode and, where permitted, its owner and group. Links are "
      "followed and stay.");
  row("a file", "targets/file");
  row("a link to a file", "targets/link");
  row("a link to nowhere", "targets/link to nowhere");
  row("a link to itself", "targets/loop");
  row("a folder", "targets/folder");
  row("a FIFO", "targets/fifo");
  row("a link to a FIFO", "targets/link to a FIFO");
  row("no folder", "targets/none/file");
  data.row("a file in place of the folder that is to be made", [&] {
    make_directories(data.folder / "targets/file/run");
    return std::string("made");
  });
}

inline void batches(BadData& data) {
  small_net::Model trainer({.schedule = {1e-3}});
  const auto row = [&](const std::string& input, std::vector<float> images, const std::vector<int>& labels, int n) {
    images.resize(4);
    data.row(input,
             [&] { return "a step of loss " + std::to_string(trainer.step(images.data(), labels.data(), n).loss); });
  };
  data.section("Batches", "Of a network for 1 to 4 pictures and 2 classes. A step that is refused changes nothing.");
  const std::vector<float> images{0, 1, 2, 3};
  row("no picture", images, {0, 1, 0, 1}, 0);
  row("more pictures than there is room for", images, {0, 1, 0, 1, 0}, 5);
  row("one picture, of one value a channel", images, {0}, 1);
  row("a label that is no class", images, {0, 1, 2, 1}, 4);
  row("a negative label", images, {0, -1, 0, 1}, 4);
  row("a pixel that is NaN", {0, std::numeric_limits<float>::quiet_NaN(), 2, 3}, {0, 1, 0, 1}, 4);
  for (const auto& [name, element] : {std::pair{"weight", 0}, {"bias", 0}})
    for (int k = 0; k < small_net::graph.parameter_count; ++k)
      if (parameter_name(small_net::graph, small_net::graph.parameters[k]) == std::string("3.") + name)
        trainer.state().at(small_net::graph.parameters[k], element) = 3e38f;
  row("weights that overflow", images, {0, 1, 0, 1}, 4);
  trainer.state().at(small_net::graph.parameters[0], 1) = std::numeric_limits<float>::infinity();
  row("a weight that has become infinite", images, {0, 1, 0, 1}, 4);
}

}  // namespace bad_files
