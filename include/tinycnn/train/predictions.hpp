// Predicts all samples of a data source.
#pragma once

#include <cstdint>
#include <vector>

#include <tinycnn/train/trainer.hpp>

namespace tinycnn {

/// The logits of N samples, and their argmax.
struct Predictions {
  int classes = 0;
  std::vector<float> logits;    // (N, classes)
  std::vector<int> categories;  // (N)
  [[nodiscard]] std::int64_t size() const { return std::int64_t(categories.size()); }
  /// The share of samples whose label is the predicted class. Throws an Error unless there is a label per sample.
  [[nodiscard]] [[gnu::cold]] double accuracy(const std::vector<int>& labels) const {
    if (labels.size() != categories.size() || labels.empty())
      throw Error({labels.size(), " labels do not fit ", size(), " predictions"});
    std::int64_t correct = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) correct += labels[i] == categories[i] ? 1 : 0;
    return double(correct) / double(size());
  }
};

/// The predictions of a Trainer for all samples of a data source such as a PictureSet, in its order.
template <class Model, class Data>
[[gnu::cold]] Predictions predict_all(Model& model, Data& data) {
  Predictions all{.classes = Model::classes, .logits = {}, .categories = {}};
  data.begin_epoch(1, 0);
  for (typename Data::Batch batch; data.next(batch);) {
    const std::size_t begin = all.logits.size();
    all.logits.resize(begin + std::size_t(batch.n) * std::size_t(all.classes));
    float* rows = all.logits.data() + begin;
    model.predict(batch.images, batch.n, rows);
    for (int n = 0; n < batch.n; ++n) all.categories.push_back(argmax(rows + n * all.classes, all.classes));
  }
  return all;
}

}  // namespace tinycnn
