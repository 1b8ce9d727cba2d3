// Reading the tensors of a file that fit a network, such as all but a new head.
#pragma once

#include <string>
#include <vector>

#include <tinycnn/train/state_dict.hpp>

namespace tinycnn {

/// `model.load(path, Strict::no)`: the file and the network may differ, as in load_state_dict(…, strict=False).
struct Strict {
  struct No {};
  static constexpr No no{};
};

/// What a file and a network do not share.
struct LoadReport {
  std::vector<std::string> missing;     ///< of the network, not in the file: unchanged
  std::vector<std::string> unexpected;  ///< in the file, not of the network: ignored
  std::vector<std::string> reshaped;    ///< of both, in other shapes, with these: unchanged in the network
  std::string converted;  ///< a floating-point type of the file other than F32, which was converted; "" if none
  int loaded = 0;         ///< the number of tensors read

  /// One sentence, for a log; empty if nothing differed.
  [[gnu::cold]] [[nodiscard]] std::string text() const {
    std::string all;
    add(all, "missing", missing);
    add(all, "unexpected", unexpected);
    add(all, "of another shape", reshaped);
    if (!converted.empty()) append(all, {all.empty() ? "" : "; ", "converted from ", converted});
    return all;
  }

 private:
  [[gnu::cold]] static void add(std::string& all, const char* what, const std::vector<std::string>& names) {
    detail::NameList list;
    for (const std::string& name : names) list.add(name);
    if (!list.empty()) append(all, {all.empty() ? "" : "; ", what, " ", list.text()});
  }
};

/// Reads the tensors of a state_dict (a path, or the bytes of a file) that the network has in the same shape. A missing
/// counter becomes 0. Throws an Error if there is none, or if an element is not finite; then nothing is changed.
template <class Source, class T>
[[gnu::cold]] LoadReport load_fitting(const Source& source, const NetworkState<T>& state) {
  const SafetensorsFile file(source);
  LoadReport report;
  std::vector<char> known(file.entries().size());
  for (int k = 0; k < state.graph->parameter_count; ++k) {
    const Parameter& p = state.graph->parameters[k];
    const std::string name = parameter_name(*state.graph, p);
    const TensorEntry* entry = file.find(name);
    if (entry == nullptr) {
      if (!p.integer) report.missing.push_back(name);
      continue;
    }
    known[std::size_t(entry - file.entries().data())] = 1;
    if (entry->shape != detail::shape_of(p))
      report.reshaped.push_back(joined({"'", name, "' has shape ", shape_text(entry->shape), ", the network's has ",
                                        shape_text(detail::shape_of(p))}));
    else if (++report.loaded; !p.integer && entry->dtype != "F32")
      report.converted = entry->dtype;
  }
  for (std::size_t i = 0; i < known.size(); ++i)
    if (!known[i]) report.unexpected.push_back(file.entries()[i].name);
  if (report.loaded == 0)
    throw Error({"'", file.path(), "' has no tensor that the network could take: ", report.text()});
  const NamedState<T> network{state};
  detail::read_fitting<T>(file, {&network, 1});
  return report;
}

}  // namespace tinycnn
