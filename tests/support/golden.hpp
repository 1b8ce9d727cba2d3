// Reads the golden tensors in tests/golden (PyTorch's results, see golden/make_golden.py) as doubles.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tinycnn/core/error.hpp>
#include <tinycnn/io/safetensors_file.hpp>

/// One file of golden tensors.
class Golden {
 public:
  explicit Golden(const std::string& name) : file_(std::string(TINYCNN_GOLDEN_DIR) + "/" + name + ".safetensors") {}

  [[nodiscard]] const std::vector<tinycnn::TensorEntry>& entries() const { return file_.entries(); }

  /// A tensor's elements in PyTorch's order, F64 and I64 alike.
  [[nodiscard]] std::vector<double> values(const std::string& key) const {
    const tinycnn::TensorEntry* entry = file_.find(key);
    if (entry == nullptr) throw tinycnn::Error("'" + file_.path() + "' has no tensor '" + key + "'");
    std::vector<double> out(std::size_t(entry->elements()));
    if (entry->dtype == "I64") {
      std::vector<std::int64_t> whole(out.size());
      file_.read(key, entry->shape, whole.data());
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = double(whole[i]);
    } else {
      file_.read(key, entry->shape, out.data());
    }
    return out;
  }
  [[nodiscard]] double number(const std::string& key) const { return values(key).at(0); }
  [[nodiscard]] std::vector<int> labels(const std::string& key) const {
    std::vector<int> out;
    for (double label : values(key)) out.push_back(int(label));
    return out;
  }
  [[nodiscard]] bool has(const std::string& key) const { return file_.find(key) != nullptr; }

 private:
  tinycnn::SafetensorsFile file_;
};
