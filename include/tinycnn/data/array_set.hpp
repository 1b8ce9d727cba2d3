// Samples in memory as the data of a run.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/core/dims.hpp>
#include <tinycnn/core/error.hpp>
#include <tinycnn/data/fingerprint.hpp>
#include <tinycnn/data/minibatch.hpp>
#include <tinycnn/data/shuffle.hpp>

namespace tinycnn {

/// Labelled samples in minibatches, in their order, or shuffled anew each epoch. It is a data source for `Run::fit`.
/// Elements are floats, or bytes, which become floats in [0, 1].
template <class Element = float>
class ArraySet {
  static_assert(std::is_same_v<Element, float> || std::is_same_v<Element, std::uint8_t>,
                "the elements of an ArraySet are float or std::uint8_t");

 public:
  using Batch = Minibatch;

  /// `images` (N,C,H,W) are N samples of shape `image`, `labels` (N) their classes. Throws an Error if the sizes
  /// disagree.
  [[gnu::cold]] ArraySet(std::vector<Element> images, std::vector<int> labels, Dims image, int batch)
      : images_(std::move(images)), labels_(std::move(labels)), image_(image), batch_(batch) {
    if (image.size() < 1 || batch < 1) throw Error("an ArraySet needs samples of at least 1 element, and a batch of 1");
    if (std::uint64_t(labels_.size()) * std::uint64_t(image.size()) != images_.size())
      throw Error({"an ArraySet got ", images_.size(), " elements for ", labels_.size(), " labels; a sample has ",
                   image.size()});
    batch_images_.resize(std::size_t(batch) * std::size_t(image.size()));
    batch_labels_.resize(std::size_t(batch));
    order_ = sequential(int(size()));
  }

  /// Shuffles each epoch anew, by seed and epoch.
  void shuffle(std::uint64_t seed) {
    shuffled_ = true;
    seed_ = seed;
  }

  /// Takes the last `count` samples away; returns them as a set of their own, for example for validation. Throws an
  /// Error if there are not that many.
  [[gnu::cold]] ArraySet take_last(std::int64_t count) {
    if (count < 0 || count > size()) throw Error({"a set of ", size(), " samples cannot give ", count});
    const auto kept = std::ptrdiff_t(size() - count), elements = kept * std::ptrdiff_t(image_.size());
    ArraySet last({images_.begin() + elements, images_.end()}, {labels_.begin() + kept, labels_.end()}, image_, batch_);
    images_.resize(std::size_t(elements));
    labels_.resize(std::size_t(kept));
    order_ = sequential(int(kept));
    return last;
  }

  [[nodiscard]] std::int64_t size() const { return std::int64_t(labels_.size()); }
  [[nodiscard]] const std::vector<int>& labels() const { return labels_; }
  /// Names the set for the checkpoint: its number of samples and a checksum of all elements and labels.
  [[nodiscard]] [[gnu::cold]] std::string identity() const {
    Fingerprint sum;
    sum.add(images_.data(), images_.size() * sizeof(Element));
    sum.add(labels_.data(), labels_.size() * sizeof(int));
    return joined({size(), " samples ", sum.text()});
  }

  /// Begins an epoch (from 1 on) after its first `skip` samples.
  [[gnu::cold]] void begin_epoch(int epoch, std::int64_t skip = 0) {
    order_ = shuffled_ ? shuffled(int(size()), seed_, std::uint64_t(epoch)) : sequential(int(size()));
    next_ = skip < size() ? skip : size();
  }
  [[gnu::cold]] bool next(Minibatch& batch) {
    const std::int64_t left = size() - next_, n = left < batch_ ? left : batch_;
    if (n == 0) return false;
    float* out = batch_images_.data();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto sample = std::int64_t(order_[std::size_t(next_ + i)]);
      const Element* in = images_.data() + sample * image_.size();
      for (std::int64_t k = 0; k < image_.size(); ++k)
        *out++ = std::is_same_v<Element, float> ? float(in[k]) : float(in[k]) / 255;
      batch_labels_[std::size_t(i)] = labels_[std::size_t(sample)];
    }
    batch = {int(n), batch_images_.data(), batch_labels_.data(), order_.data() + next_};
    next_ += n;
    return true;
  }
  /// The number of minibatches that are left in the current epoch.
  [[nodiscard]] std::int64_t batches() const { return (size() - next_ + batch_ - 1) / batch_; }

 private:
  std::vector<Element> images_;  // (N,C,H,W)
  std::vector<int> labels_;      // (N)
  Dims image_;
  int batch_;
  std::vector<float> batch_images_;
  std::vector<int> batch_labels_;
  std::vector<int> order_;
  std::int64_t next_ = 0;  // position in the order
  bool shuffled_ = false;
  std::uint64_t seed_ = 0;
};

}  // namespace tinycnn
